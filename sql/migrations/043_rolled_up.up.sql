-- Both read TimescaleDB's bookkeeping in the caller's snapshot. What changes below a continuous
-- aggregate is written to the log of what it reads by the transaction that changes it. A refresh
-- moves it to the aggregate's own log, up to 2.26 from there to the ranges, and deletes it from the
-- last of them in the transaction that writes the buckets. What lies behind all refreshes is not
-- logged, but the aggregate's own log has an entry from there to the end of time.

-- Of a continuous aggregate, the buckets of p_width that may differ from what it reads.
CREATE FUNCTION internal.not_settled(p_aggregate text, p_width interval) RETURNS tstzmultirange
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    width bigint := extract(epoch FROM p_width) * 1000000;
    dot integer := position('.' IN p_aggregate);
    own integer;
    fed_by integer;
    found tstzmultirange;
BEGIN
    SELECT a.mat_hypertable_id, a.raw_hypertable_id INTO STRICT own, fed_by
    FROM _timescaledb_catalog.continuous_agg a
    WHERE a.user_view_schema = left(p_aggregate, dot - 1)
      AND a.user_view_name = substr(p_aggregate, dot + 1);

    -- Microseconds since 1970; the first and the last of them stand for infinity.
    SELECT range_agg(tstzrange(
        to_timestamp((l.lowest - ((l.lowest % width) + width) % width) / 1000000),
        to_timestamp((l.greatest - ((l.greatest % width) + width) % width + width) / 1000000)))
    INTO found
    FROM (
        SELECT
            CASE WHEN e.lowest > -62135596800000000 THEN e.lowest END AS lowest,
            CASE WHEN e.greatest < 253402300800000000 THEN e.greatest END AS greatest
        FROM (
            SELECT i.lowest_modified_value, i.greatest_modified_value
            FROM _timescaledb_catalog.continuous_aggs_materialization_invalidation_log i
            WHERE i.materialization_id = own
            UNION ALL
            SELECT m.lowest_modified_value, m.greatest_modified_value
            FROM _timescaledb_catalog.continuous_aggs_materialization_ranges m
            WHERE m.materialization_id = own
            UNION ALL
            SELECT h.lowest_modified_value, h.greatest_modified_value
            FROM _timescaledb_catalog.continuous_aggs_hypertable_invalidation_log h
            WHERE h.hypertable_id = fed_by
        ) e (lowest, greatest)
        WHERE e.lowest <= e.greatest
    ) l;
    RETURN coalesce(found, '{}');
END
$$;

-- The whole buckets of a roll-up that are what the minutes say, for whoever reads both in one
-- statement: a day is only where its hours are.
CREATE FUNCTION internal.rolled_up(p_rollup text) RETURNS tstzmultirange
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    of_minutes text;
    wide interval;
    made_of text;
    seen_to timestamptz;
    unsure tstzmultirange;
BEGIN
    SELECT r.aggregate, r.width INTO of_minutes, wide
    FROM internal.rollup r WHERE r.rollup = p_rollup;
    IF of_minutes IS NULL THEN
        RAISE EXCEPTION 'no roll-up is named %', p_rollup
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'the view internal.rollup lists them';
    END IF;

    unsure := internal.not_settled(p_rollup, wide);
    FOR made_of IN
        SELECT r.rollup FROM internal.rollup r
        WHERE r.aggregate = of_minutes AND r.width < wide
    LOOP
        unsure := unsure + internal.not_settled(made_of, wide);
    END LOOP;

    -- A real-time aggregate shows raw rows from its watermark on, which no log of minutes knows.
    SELECT to_timestamp(greatest(coalesce(w.watermark, 0), 0) / 1000000) INTO seen_to
    FROM _timescaledb_catalog.continuous_agg a
    LEFT JOIN _timescaledb_catalog.continuous_aggs_watermark w USING (mat_hypertable_id)
    WHERE a.user_view_schema || '.' || a.user_view_name = of_minutes AND NOT a.materialized_only;
    IF FOUND THEN
        unsure := unsure + tstzmultirange(
            tstzrange(date_bin(wide, seen_to, TIMESTAMPTZ '2000-01-01 00:00:00+00'), NULL));
    END IF;
    RETURN tstzmultirange(tstzrange(NULL, NULL)) - unsure;
END
$$;

REVOKE EXECUTE ON FUNCTION internal.not_settled(text, interval) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION internal.rolled_up(text) FROM PUBLIC;
