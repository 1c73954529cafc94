-- What internal.move_staged_rows was, but for how coverage is looked up; it takes the lock of
-- running totals before it calls this. SKIP LOCKED: two sessions never wait for one another in
-- staging, only in the sorted insert.
CREATE OR REPLACE FUNCTION internal.judge_staged_rows(p_source text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    taken bigint;
    late tstzrange[];
BEGIN
    EXECUTE format($move$
        WITH mine AS MATERIALIZED (
            SELECT ctid FROM %1$I.prometheus_remote_write FOR UPDATE SKIP LOCKED
        ), taken AS (
            DELETE FROM %1$I.prometheus_remote_write s USING mine WHERE s.ctid = mine.ctid
            RETURNING s.time, s.tag_id, s.name, s.schema, s.value
        ), judged AS MATERIALIZED (
            SELECT t.*, CASE
                WHEN num_nulls(time, tag_id, name, schema, value) > 0 THEN 'incomplete'
                WHEN value IN ('NaN', 'Infinity', '-Infinity') THEN 'not finite'
                -- Such a row makes windows that nothing can read, and chunks that nothing drops.
                WHEN time < TIMESTAMPTZ '1970-01-01 00:00:00+00'
                    OR time >= now() + INTERVAL '1 day' THEN 'not between 1970 and tomorrow'
                -- An index entry holds at most 2704 bytes.
                WHEN octet_length(name) + octet_length(schema) > 2000 THEN 'name too long'
            END AS reason
            FROM taken t
        ), asked AS MATERIALIZED (
            SELECT DISTINCT name, time FROM judged
            WHERE reason IS NULL AND (%2$L = 'cumsum' OR time > now() - INTERVAL '10 minutes')
        ), spans AS MATERIALIZED (
            SELECT a.name, c.*
            FROM (SELECT name, min(time) AS low, max(time) AS high FROM asked GROUP BY name) a
            CROSS JOIN LATERAL internal.covered_minutes(a.name, a.low, a.high) c
        ), covered AS MATERIALIZED (
            -- What is being replayed into an unverified entry passes at that entry's instants.
            SELECT DISTINCT a.name, a.time,
                s.verified OR date_bin(s.step, a.time, 'epoch') <> a.time AS closed
            FROM asked a JOIN spans s ON s.name = a.name AND s.minutes @> a.time
        ), usable AS MATERIALIZED (
            SELECT j.time, j.tag_id, j.name, j.schema, j.value FROM judged j
            WHERE j.reason IS NULL AND NOT (%2$L = 'cumsum' AND EXISTS (
                SELECT FROM covered c WHERE c.name = j.name AND c.time = j.time AND c.closed))
        ), stored AS (
            INSERT INTO %2$I.prometheus_remote_write (time, tag_id, name, schema, value)
            SELECT time, tag_id, name, schema, value FROM usable
            ORDER BY time, tag_id, name, schema
            ON CONFLICT DO NOTHING RETURNING time, tag_id
        ), orphan AS (
            INSERT INTO internal.orphan_tag AS o (tag_id, source, time_from, time_to)
            SELECT s.tag_id, %2$L, min(s.time), max(s.time) FROM stored s
            WHERE NOT EXISTS (
                SELECT FROM internal.prometheus_remote_write_tag t WHERE t.tag_id = s.tag_id)
            GROUP BY s.tag_id ORDER BY s.tag_id
            ON CONFLICT (tag_id, source) DO UPDATE SET
                time_from = least(o.time_from, excluded.time_from),
                time_to = greatest(o.time_to, excluded.time_to)
        ), live AS (
            -- A replay passes here too, with old rows or with rows of an entry; what arrives
            -- young and on its own is live.
            INSERT INTO internal.live_start AS l (name, schema, starts_at)
            SELECT u.name, u.schema, min(u.time) FROM usable u
            WHERE u.time > now() - INTERVAL '10 minutes' AND NOT EXISTS (
                SELECT FROM covered c WHERE c.name = u.name AND c.time = u.time)
            GROUP BY u.name, u.schema
            -- ON CONFLICT locks the row even when it changes nothing; this does not.
            HAVING NOT EXISTS (
                SELECT FROM internal.live_start k
                WHERE k.name = u.name AND k.schema = u.schema AND k.starts_at <= min(u.time))
            ORDER BY u.name, u.schema
            ON CONFLICT (name, schema) DO UPDATE SET
                starts_at = least(l.starts_at, excluded.starts_at)
        ), refused AS (
            SELECT coalesce(j.reason, 'covered by a backfill') AS reason FROM judged j
            WHERE j.reason IS NOT NULL OR (
                %2$L = 'cumsum'
                AND EXISTS (
                    SELECT FROM covered c WHERE c.name = j.name AND c.time = j.time AND c.closed)
                -- A row that is stored already is sent again, not refused.
                AND NOT EXISTS (
                    SELECT FROM %2$I.prometheus_remote_write s
                    WHERE s.time = j.time AND s.tag_id = j.tag_id
                      AND s.name = j.name AND s.schema = j.schema))
        ), counted AS (
            INSERT INTO internal.refused_row AS r (source, reason, day, rows)
            SELECT %2$L, reason, (now() AT TIME ZONE 'UTC')::date, count(*)
            FROM refused GROUP BY reason ORDER BY reason
            ON CONFLICT (source, reason, day) DO UPDATE SET rows = r.rows + excluded.rows
        ), late AS (
            -- The refresh policies look back 1 hour, and may run a few minutes from now. One
            -- span a day: a batch with two old samples must not dirty the year between them.
            SELECT tstzrange(min(time), max(time), '[]') AS span FROM stored
            WHERE time < now() - INTERVAL '50 minutes' GROUP BY date_trunc('day', time)
        )
        SELECT (SELECT count(*) FROM taken), (SELECT array_agg(span) FROM late)
    $move$, 'staging_' || p_source, p_source)
    INTO taken, late;

    PERFORM internal.note_change(
        p_source, lower(span), upper(span) + INTERVAL '1 microsecond', 'late row')
    FROM unnest(late) AS span;
    RETURN taken;
END
$$;
