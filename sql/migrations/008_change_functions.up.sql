-- What must be refreshed, and why: noted in the transaction that changes the raw rows.

CREATE VIEW internal.aggregate_source AS
SELECT * FROM (VALUES
    ('cumsum.all_metrics_minute', 'cumsum'),
    ('internal.cagg_calculated_metric', 'internal'),
    ('internal.prometheus_mainnet_1m', 'internal'),
    ('internal.prometheus_testnet_1m', 'internal'),
    ('internal.prometheus_common_1m', 'internal'),
    ('geo.latest_coords', 'internal')
) AS fed (aggregate, source);

COMMENT ON VIEW internal.aggregate_source IS 'which metric table feeds which aggregate';

-- Rows are only ever added here: joining a note that is already there would lose the change
-- when a refresh that read the older note ends after us.
CREATE FUNCTION internal.note_change(
    p_source text, p_from timestamptz, p_to timestamptz, p_reason text
) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO internal.aggregate_change (aggregate, window_start, window_end, reason)
    SELECT s.aggregate, w.starts, w.ends, p_reason
    FROM internal.aggregate_source s
    CROSS JOIN LATERAL (
        SELECT
            -- What retention has dropped or is about to drop is never refreshed.
            date_trunc('minute', CASE s.source
                WHEN 'internal' THEN greatest(p_from, now() - INTERVAL '1 year')
                ELSE p_from
            END) AS starts,
            date_trunc('minute', p_to + INTERVAL '1 minute' - INTERVAL '1 microsecond') AS ends
    ) w
    WHERE s.source = p_source AND w.starts < w.ends
$$;

-- Keeps the parts of the given notes that lie outside of the refreshed window.
CREATE FUNCTION internal.settle_changes(p_ids bigint[], p_from timestamptz, p_to timestamptz)
RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH settled AS (
        DELETE FROM internal.aggregate_change c
        WHERE c.id = ANY (p_ids) AND c.window_start < p_to AND c.window_end > p_from
        RETURNING c.*
    ), kept AS (
        INSERT INTO internal.aggregate_change
            (aggregate, window_start, window_end, reason, noted_at)
        SELECT s.aggregate, part.starts, part.ends, s.reason, s.noted_at
        FROM settled s
        CROSS JOIN LATERAL (VALUES
            (s.window_start, least(s.window_end, p_from)),
            (greatest(s.window_start, p_to), s.window_end)
        ) AS part (starts, ends)
        WHERE part.starts < part.ends
    )
    SELECT count(*) FROM settled
$$;

-- A row that a concurrent flush holds is skipped and found by the next call; waiting for it
-- could be a deadlock.
CREATE FUNCTION internal.settle_orphans(p_tag_ids bigint[] DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    healed tstzmultirange;
    span tstzrange;
    settled bigint;
BEGIN
    WITH found AS MATERIALIZED (
        SELECT o.tag_id, o.source
        FROM internal.orphan_tag o
        JOIN internal.prometheus_remote_write_tag t ON t.tag_id = o.tag_id
        WHERE p_tag_ids IS NULL OR o.tag_id = ANY (p_tag_ids)
        FOR UPDATE OF o SKIP LOCKED
    ), gone AS (
        DELETE FROM internal.orphan_tag o USING found f
        WHERE o.tag_id = f.tag_id AND o.source = f.source
        RETURNING o.source, o.time_from, o.time_to
    )
    SELECT count(*),
           -- No aggregate of cumsum joins the tags, so a late tag changes nothing there.
           range_agg(tstzrange(time_from, time_to, '[]')) FILTER (WHERE source = 'internal')
    INTO settled, healed
    FROM gone;

    FOR span IN SELECT unnest(healed) LOOP
        PERFORM internal.note_change(
            'internal', lower(span), upper(span) + INTERVAL '1 microsecond', 'late tag');
    END LOOP;
    RETURN settled;
END
$$;

REVOKE EXECUTE ON FUNCTION internal.note_change(text, timestamptz, timestamptz, text) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION internal.settle_changes(bigint[], timestamptz, timestamptz) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION internal.settle_orphans(bigint[]) FROM PUBLIC;
