-- What is stored over time, by the hour, and for which hours the source was asked. Hours are those of
-- the aggregates, so that an hour is stored where the API answers for it.

-- The aggregate that has the metrics of a schema; null for a schema that is not known.
CREATE FUNCTION internal.coverage_aggregate(p_schema text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE p_schema
    WHEN 'mainnet' THEN 'internal.prometheus_mainnet_1m'
    WHEN 'testnet' THEN 'internal.prometheus_testnet_1m'
    WHEN 'common' THEN 'internal.prometheus_common_1m'
    WHEN 'cumsum' THEN 'cumsum.all_metrics_minute'
    WHEN 'geo' THEN 'geo.latest_coords'
END;

-- The whole hours that begin in [p_from, p_to) and are over, and the first one of them that is owed:
-- gauges older than the retention are not fetched any more.
CREATE FUNCTION internal.coverage_range(
    p_schema text, p_from timestamptz, p_to timestamptz,
    OUT first timestamptz, OUT owed timestamptz, OUT past timestamptz
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c_hour CONSTANT interval := '1 hour';
    c_retention CONSTANT interval := '8760 hours';
    c_origin CONSTANT timestamptz := '2000-01-03 00:00:00+00';
    -- No sample is older, and date_bin fails near the ends of time.
    c_first CONSTANT timestamptz := '0001-01-01 00:00:00+00';
BEGIN
    p_from := greatest(p_from, c_first);
    past := least(greatest(p_to, c_first), date_bin(c_hour, now(), c_origin));
    p_from := least(p_from, past);
    first := date_bin(c_hour, p_from - interval '1 microsecond', c_origin) + c_hour;
    past := date_bin(c_hour, past - interval '1 microsecond', c_origin) + c_hour;
    owed := CASE p_schema
        WHEN 'cumsum' THEN first
        ELSE greatest(first, date_bin(c_hour, now() - c_retention - interval '1 microsecond',
            c_origin) + c_hour) END;
END
$$;

-- A query of (name, hour): the hours of [p_from, p_to) with a sample. p_where is trusted text, and may
-- name the column bucket, and name but for positions.
CREATE FUNCTION internal.coverage_text(
    p_schema text, p_from timestamptz, p_to timestamptz, p_where text
) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c_geo CONSTANT text := 'SELECT part.name, g.hour FROM ('
        'SELECT %s AS hour, bool_or(m.latitude IS NOT NULL) AS latitude,'
        ' bool_or(m.longitude IS NOT NULL) AS longitude,'
        ' bool_or(m.country_name IS NOT NULL OR m.city IS NOT NULL) AS metadata'
        ' FROM (%s) m GROUP BY 1) g CROSS JOIN LATERAL (VALUES'
        ' (''manifest_geo_latitude'', g.latitude), (''manifest_geo_longitude'', g.longitude),'
        ' (''manifest_geo_metadata'', g.metadata)) part (name, known) WHERE part.known';
    c_hour CONSTANT text :=
        'date_bin(''1 hour'', bucket, TIMESTAMPTZ ''2000-01-03 00:00:00+00'')';
    v_part internal.range_part;
    v_texts text[];
BEGIN
    IF p_from < p_to THEN
        FOREACH v_part IN ARRAY internal.range_parts(
            internal.coverage_aggregate(p_schema), '1 hour', p_from, p_to)
        LOOP
            v_texts := v_texts || CASE
                WHEN p_schema = 'geo' THEN format(c_geo, c_hour, internal.rows_text(v_part,
                    'bucket, latitude, longitude, country_name, city', p_where))
                WHEN v_part.width = interval '1 hour' THEN internal.rows_text(
                    v_part, 'name, bucket', p_where)
                ELSE format('SELECT m.name, %s FROM (%s) m GROUP BY 1, 2', c_hour,
                    internal.rows_text(v_part, 'name, bucket', p_where)) END;
        END LOOP;
    END IF;
    RETURN coalesce(array_to_string(v_texts, ' UNION ALL '),
        'SELECT NULL::text, NULL::timestamptz WHERE false');
END
$$;

-- The metrics that a schema has ever had.
CREATE FUNCTION internal.coverage_names(p_schema text) RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- The three that make a position are columns there.
    c_geo CONSTANT text := 'SELECT array_agg(n.name) FROM (VALUES'
        ' (''manifest_geo_latitude'', EXISTS (%s)), (''manifest_geo_longitude'', EXISTS (%s)),'
        ' (''manifest_geo_metadata'', EXISTS (%s))) n (name, known) WHERE n.known';
    v_parts internal.range_part[] := internal.range_parts(
        internal.coverage_aggregate(p_schema), NULL, '-infinity', 'infinity');
    v_names text[];
BEGIN
    IF p_schema = 'geo' THEN
        EXECUTE format(c_geo,
            internal.parts_text(v_parts, '', 'latitude IS NOT NULL'),
            internal.parts_text(v_parts, '', 'longitude IS NOT NULL'),
            internal.parts_text(v_parts, '', '(country_name IS NOT NULL OR city IS NOT NULL)'))
        INTO v_names;
    ELSE
        v_names := internal.known_names(v_parts, 'name');
    END IF;
    RETURN ARRAY(
        SELECT unnest(v_names)
        UNION
        SELECT l.name FROM internal.live_start l WHERE l.schema = p_schema);
END
$$;

REVOKE ALL ON FUNCTION
    internal.coverage_aggregate(text),
    internal.coverage_range(text, timestamptz, timestamptz),
    internal.coverage_text(text, timestamptz, timestamptz, text),
    internal.coverage_names(text)
FROM PUBLIC;
