-- As before, and refuses what is not of these days and what has no end: a fake time would open a
-- chunk of its own, be the newest for ever, or add to totals of years ago. Without JIT, whose compiling
-- took 5 s. IN with DISTINCT is hashed, whatever number of rows is guessed: as joins and EXISTS, a
-- batch of new names took 3 s, and 30 s beside a long ledger.
CREATE OR REPLACE FUNCTION internal.judge_staged_rows(p_source text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
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
            SELECT t.*, t.time < now() - m.late AS old, CASE
                -- What Telegraf left out it says in a row.
                WHEN schema = 'refused by telegraf' AND name IN ('NUL in name or labels',
                    'no time', 'name too long', 'labels too large') THEN name
                WHEN schema = 'refused by telegraf' OR
                    num_nulls(time, tag_id, name, schema, value) > 0 THEN 'incomplete'
                WHEN value IN ('NaN', 'Infinity', '-Infinity') THEN 'not finite'
                -- No float64 is longer, and an index entry of a roll-up holds the value too.
                WHEN scale(value) > 400 OR abs(value) >= 1e309 THEN 'value too long'
                WHEN time >= now() + m.early THEN 'in the future'
                -- An index entry holds at most 2704 bytes.
                WHEN octet_length(name) + octet_length(schema) > 2000 THEN 'name too long'
            END AS reason
            FROM taken t LEFT JOIN internal.staging_limit m ON true
        ), asked AS MATERIALIZED (
            SELECT DISTINCT name, time FROM judged WHERE reason IS NULL
                AND (%2$L = 'cumsum' OR time > now() - INTERVAL '10 minutes' OR old)
        ), spans AS MATERIALIZED (
            SELECT a.name, c.* FROM (SELECT name, min(time) AS low, max(time) AS high
                FROM asked GROUP BY name) a
            CROSS JOIN LATERAL internal.covered_minutes(a.name, a.low, a.high) c
        ), covered AS MATERIALIZED (
            -- What is replayed into an unverified entry passes at that entry's instants.
            SELECT name, time, bool_or(closed) AS closed, bool_or(NOT closed) AS open FROM (
                SELECT a.name, a.time,
                    s.verified OR date_bin(s.step, a.time, 'epoch') <> a.time AS closed
                FROM asked a JOIN spans s ON s.name = a.name AND s.minutes @> a.time) c
            GROUP BY name, time
        ), weighed AS MATERIALIZED (
            SELECT j.*, c.time IS NOT NULL AS covered, coalesce(j.reason, CASE
                WHEN c.closed AND (%2$L = 'cumsum' OR old AND NOT open) THEN 'covered by a backfill'
                WHEN j.old AND c.time IS NULL THEN 'too old' END) AS why
            FROM judged j LEFT JOIN covered c USING (name, time)
        ), new_name AS MATERIALIZED (
            SELECT n.name, n.schema, row_number() OVER (ORDER BY n.name, n.schema)
                    + (SELECT count(*) FROM internal.staged_name) > m.most_names AND n.name NOT IN
                (SELECT DISTINCT b.name FROM internal.backfill_coverage b) AS is_too_much
            FROM (SELECT DISTINCT name, schema FROM weighed WHERE why IS NULL) n
            LEFT JOIN internal.staging_limit m ON true
            WHERE NOT EXISTS (SELECT FROM internal.staged_name k
                WHERE k.name = n.name AND k.schema = n.schema)
        ), new_series AS MATERIALIZED (
            SELECT DISTINCT w.tag_id, (SELECT internal.is_series_limit_reached())
                AND o.tag_id IS NULL AS is_too_much
            FROM weighed w LEFT JOIN internal.orphan_tag o USING (tag_id)
            WHERE why IS NULL AND NOT EXISTS (
                SELECT FROM internal.prometheus_remote_write_tag t WHERE t.tag_id = w.tag_id)
        ), ruled AS MATERIALIZED (
            SELECT w.*, coalesce(why, CASE WHEN (name, schema) IN (SELECT DISTINCT
                    n.name, n.schema FROM new_name n WHERE n.is_too_much) THEN 'too many names'
                WHEN tag_id IN (SELECT DISTINCT
                    s.tag_id FROM new_series s WHERE s.is_too_much) THEN 'too many series' END) AS verdict
            FROM weighed w
        ), named AS (
            INSERT INTO internal.staged_name (name, schema)
            SELECT name, schema FROM new_name WHERE is_too_much IS NOT TRUE
            ORDER BY name, schema ON CONFLICT DO NOTHING
        ), stored AS (
            INSERT INTO %2$I.prometheus_remote_write (time, tag_id, name, schema, value)
            SELECT time, tag_id, name, schema, value FROM ruled WHERE verdict IS NULL
            ORDER BY time, tag_id, name, schema ON CONFLICT DO NOTHING RETURNING time, tag_id
        ), orphan AS (
            INSERT INTO internal.orphan_tag AS o (tag_id, source, time_from, time_to)
            SELECT tag_id, %2$L, min(time), max(time) FROM stored JOIN new_series USING (tag_id)
            GROUP BY tag_id ORDER BY tag_id
            ON CONFLICT (tag_id, source) DO UPDATE SET
                time_from = least(o.time_from, excluded.time_from),
                time_to = greatest(o.time_to, excluded.time_to)
        ), live AS (
            -- A replay passes here too; what arrives young and on its own is live.
            INSERT INTO internal.live_start AS l (name, schema, starts_at)
            SELECT u.name, u.schema, min(u.time) FROM ruled u
            WHERE u.verdict IS NULL AND u.time > now() - INTERVAL '10 minutes' AND NOT u.covered
            GROUP BY name, schema
            -- ON CONFLICT locks the row even when it changes nothing; this does not.
            HAVING NOT EXISTS (SELECT FROM internal.live_start k
                WHERE k.name = u.name AND k.schema = u.schema AND k.starts_at <= min(u.time))
            ORDER BY u.name, u.schema
            ON CONFLICT (name, schema) DO UPDATE SET starts_at = least(l.starts_at, excluded.starts_at)
        ), counted AS (
            INSERT INTO internal.refused_row AS r (source, reason, day, rows)
            SELECT %2$L, j.verdict, (now() AT TIME ZONE 'UTC')::date, count(*) FROM ruled j
            -- A row that is stored already is sent again, not refused.
            WHERE j.verdict <> 'covered by a backfill' OR j.verdict IS NOT NULL AND NOT EXISTS (
                SELECT FROM %2$I.prometheus_remote_write s WHERE s.time = j.time
                    AND s.tag_id = j.tag_id AND s.name = j.name AND s.schema = j.schema)
            GROUP BY j.verdict ORDER BY j.verdict
            ON CONFLICT (source, reason, day) DO UPDATE SET rows = r.rows + excluded.rows
        ), late AS (
            -- The refresh policies look back 1 hour, and may run a few minutes from now. One
            -- span a day: two old samples must not dirty the year between them.
            SELECT tstzrange(min(time), max(time), '[]') AS span FROM stored
            WHERE time < now() - INTERVAL '50 minutes' GROUP BY date_trunc('day', time, 'UTC')
        ) SELECT (SELECT count(*) FROM taken), (SELECT array_agg(span) FROM late)
    $move$, 'staging_' || p_source, p_source)
    INTO taken, late;

    PERFORM internal.note_change(p_source, lower(s), upper(s) + INTERVAL '1 microsecond', 'late row')
    FROM unnest(late) AS s;
    RETURN taken;
END
$$;
