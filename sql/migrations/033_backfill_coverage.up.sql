-- What the ledger says for each moment, and what staging refused because of it.

CREATE TABLE internal.refused_row (
    source text NOT NULL CHECK (source IN ('internal', 'cumsum')),
    reason text NOT NULL,
    day    date NOT NULL,
    rows   bigint NOT NULL,
    PRIMARY KEY (source, reason, day)
);

COMMENT ON TABLE internal.refused_row IS
    'how many rows that came to staging were not stored, by reason and UTC day';
COMMENT ON TABLE internal.live_start IS
    'first live instant of each metric; increments are added up, so a backfill of a cumulative '
    'one covers exactly up to it';

CREATE INDEX backfill_ledger_name ON internal.backfill_ledger
    (lower(split_part(record, '#', 1)), window_end);

-- A sample at t stands for (t - step, t]. A step of days is of 24 hours, whatever the time zone of
-- the session makes of a day.
CREATE VIEW internal.backfill_coverage AS
SELECT
    lower(split_part(e.record, '#', 1)) AS name,
    e.step,
    e.window_end,
    e.verified_at IS NOT NULL AS verified,
    tstzrange(
        date_bin(e.step, e.window_start + e.step - INTERVAL '1 microsecond', 'epoch')
            - extract(epoch FROM e.step) * INTERVAL '1 second',
        date_bin(e.step, e.window_end + e.step - INTERVAL '1 microsecond', 'epoch')
            - extract(epoch FROM e.step) * INTERVAL '1 second',
        '(]'
    ) AS minutes
FROM internal.backfill_ledger e;

COMMENT ON VIEW internal.backfill_coverage IS
    'the time that the samples of each ledger entry stand for';

-- Backfills of running totals hold this lock alone while they commit (lock_backfill.sql), so
-- that live rows see what was covered before them, and backfills see the live rows before them.
CREATE FUNCTION internal.share_totals() RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT pg_advisory_xact_lock_shared(hashtext('promtsdb backfill'), hashtext('cumsum'))
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

REVOKE EXECUTE ON FUNCTION internal.share_totals() FROM PUBLIC;
