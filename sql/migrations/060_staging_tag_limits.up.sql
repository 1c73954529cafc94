-- Positions are grouped and indexed by instance, and an index entry holds at most 2704 bytes: one
-- label of 3 kB, and no position was refreshed any more. The whole label stays in `labels`.
CREATE FUNCTION internal.short_label(p_label text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN pg_catalog.octet_length(p_label) <= 512 THEN p_label
    ELSE pg_catalog.left(p_label, 80) || '... ' || pg_catalog.md5(p_label)
END;

REVOKE EXECUTE ON FUNCTION internal.short_label(text) FROM PUBLIC;

-- A NULL never overwrites a value, and a row that says nothing new is not touched: most
-- batches only repeat known tags. Sorted, so that concurrent callers cannot deadlock.
CREATE OR REPLACE FUNCTION internal.upsert_tags(p_tag_ids bigint[], p_tags jsonb[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    changed bigint;
BEGIN
    WITH arrived AS (
        SELECT DISTINCT ON (a.tag_id)
            a.tag_id,
            CASE jsonb_typeof(a.tags)
                WHEN 'object' THEN jsonb_strip_nulls(a.tags)
                ELSE '{}'::jsonb
            END AS labels
        FROM unnest(p_tag_ids, p_tags) AS a (tag_id, tags)
        WHERE a.tag_id IS NOT NULL
        ORDER BY a.tag_id, jsonb_typeof(a.tags) IS DISTINCT FROM 'object', a.tags
    )
    INSERT INTO internal.prometheus_remote_write_tag AS known
        (tag_id, host, instance, country_name, city, supply, excluded_supply, amount, labels)
    SELECT
        a.tag_id,
        internal.short_label(a.labels ->> 'host'),
        internal.short_label(a.labels ->> 'instance'),
        internal.short_label(a.labels ->> 'country_name'),
        internal.short_label(a.labels ->> 'city'),
        a.labels ->> 'supply',
        a.labels ->> 'excluded_supply',
        a.labels ->> 'amount',
        a.labels
    FROM arrived a
    WHERE NOT EXISTS (
        SELECT FROM internal.prometheus_remote_write_tag t
        WHERE t.tag_id = a.tag_id AND t.labels @> a.labels
    )
    ORDER BY a.tag_id
    ON CONFLICT (tag_id) DO UPDATE SET
        host = coalesce(excluded.host, known.host),
        instance = coalesce(excluded.instance, known.instance),
        country_name = coalesce(excluded.country_name, known.country_name),
        city = coalesce(excluded.city, known.city),
        supply = coalesce(excluded.supply, known.supply),
        excluded_supply = coalesce(excluded.excluded_supply, known.excluded_supply),
        amount = coalesce(excluded.amount, known.amount),
        labels = known.labels || excluded.labels;
    GET DIAGNOSTICS changed = ROW_COUNT;

    PERFORM internal.settle_orphans(p_tag_ids);
    RETURN changed;
END
$$;

-- As before, but neither without end: labels that are too large are counted, and new series beyond
-- the limit are left out here and counted with their rows.
CREATE OR REPLACE FUNCTION internal.move_staged_tags(p_source text) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    most integer;
    taken bigint;
    too_large bigint;
    ids bigint[];
    bags jsonb[];
BEGIN
    IF p_source = 'cumsum' THEN
        PERFORM internal.share_totals();
    END IF;
    SELECT m.most_label_bytes INTO most FROM internal.staging_limit m;
    EXECUTE format($move$
        WITH mine AS MATERIALIZED (
            SELECT ctid FROM %1$I.prometheus_remote_write_tag FOR UPDATE SKIP LOCKED
        ), taken AS (
            DELETE FROM %1$I.prometheus_remote_write_tag s USING mine WHERE s.ctid = mine.ctid
            RETURNING s.tag_id, s.tags, octet_length(s.tags::text) > $1 AS is_large
        )
        SELECT count(*), count(*) FILTER (WHERE is_large),
            array_agg(tag_id) FILTER (WHERE is_large IS NOT TRUE),
            array_agg(tags) FILTER (WHERE is_large IS NOT TRUE)
        FROM taken
    $move$, 'staging_' || p_source)
    INTO taken, too_large, ids, bags USING most;

    INSERT INTO internal.refused_row AS r (source, reason, day, rows)
    SELECT p_source, 'labels too large', (now() AT TIME ZONE 'UTC')::date, too_large
    WHERE too_large > 0
    ON CONFLICT (source, reason, day) DO UPDATE SET rows = r.rows + excluded.rows;
    IF internal.is_series_limit_reached() THEN
        SELECT array_agg(a.tag_id), array_agg(a.tags) INTO ids, bags
        FROM unnest(ids, bags) AS a (tag_id, tags)
        WHERE EXISTS (
                SELECT FROM internal.prometheus_remote_write_tag t WHERE t.tag_id = a.tag_id)
            OR a.tag_id IN (SELECT tag_id FROM internal.orphan_tag);
    END IF;
    IF ids IS NOT NULL THEN
        PERFORM internal.upsert_tags(ids, bags);
    END IF;
    RETURN taken;
END
$$;

UPDATE internal.prometheus_remote_write_tag
SET host = internal.short_label(host), instance = internal.short_label(instance),
    country_name = internal.short_label(country_name), city = internal.short_label(city)
WHERE greatest(octet_length(host), octet_length(instance), octet_length(country_name),
    octet_length(city)) > 512;
