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
        a.labels ->> 'host',
        a.labels ->> 'instance',
        a.labels ->> 'country_name',
        a.labels ->> 'city',
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

-- As before, but for the lock: taken first, for a backfill locks totals first and tags then.
CREATE OR REPLACE FUNCTION internal.move_staged_tags(p_source text) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ids bigint[];
    bags jsonb[];
BEGIN
    IF p_source = 'cumsum' THEN
        PERFORM internal.share_totals();
    END IF;
    EXECUTE format($move$
        WITH mine AS MATERIALIZED (
            SELECT ctid FROM %1$I.prometheus_remote_write_tag FOR UPDATE SKIP LOCKED
        ), taken AS (
            DELETE FROM %1$I.prometheus_remote_write_tag s USING mine
            WHERE s.ctid = mine.ctid
            RETURNING s.tag_id, s.tags
        )
        SELECT array_agg(tag_id), array_agg(tags) FROM taken
    $move$, 'staging_' || p_source)
    INTO ids, bags;

    IF ids IS NOT NULL THEN
        PERFORM internal.upsert_tags(ids, bags);
    END IF;
    RETURN coalesce(cardinality(ids), 0);
END
$$;

DROP FUNCTION internal.short_label(text);
