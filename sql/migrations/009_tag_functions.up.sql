-- A label's amount, or NULL for whatever is not a plain decimal number: a label that somebody
-- sent may never stop a refresh. No exponent (1e99999 is a number of 100 kB), and no more
-- digits than a 256-bit integer has several times over.
-- Neither STRICT nor SET: both would keep the planner from inlining it; the body is bound to
-- its operators when it is created, so no search_path reaches it.
CREATE FUNCTION internal.amount(p_label text) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN pg_catalog.octet_length(p_label) <= 256
        AND p_label OPERATOR(pg_catalog.~) '^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)$'
    THEN p_label::numeric
END;

-- A NULL never overwrites a value, and a row that says nothing new is not touched: most
-- batches only repeat known tags. Sorted, so that concurrent callers cannot deadlock.
CREATE FUNCTION internal.upsert_tags(p_tag_ids bigint[], p_tags jsonb[]) RETURNS bigint
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

REVOKE EXECUTE ON FUNCTION internal.amount(text) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION internal.upsert_tags(bigint[], jsonb[]) FROM PUBLIC;
