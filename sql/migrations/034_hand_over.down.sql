-- What 011_staging_functions made.
CREATE OR REPLACE FUNCTION internal.move_staged_rows(p_source text) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    taken bigint;
    usable bigint;
    late tstzrange[];
    span tstzrange;
BEGIN
    EXECUTE format($move$
        WITH mine AS MATERIALIZED (
            SELECT ctid FROM %1$I.prometheus_remote_write FOR UPDATE SKIP LOCKED
        ), taken AS (
            DELETE FROM %1$I.prometheus_remote_write s USING mine
            WHERE s.ctid = mine.ctid
            RETURNING s.time, s.tag_id, s.name, s.schema, s.value
        ), usable AS (
            SELECT * FROM taken
            WHERE num_nulls(time, tag_id, name, schema, value) = 0
              -- No sample is older than the epoch or a day ahead; one that says so makes
              -- windows that nothing can read, and chunks that nothing drops.
              AND time >= TIMESTAMPTZ '1970-01-01 00:00:00+00'
              AND time < now() + INTERVAL '1 day'
              AND value NOT IN ('NaN', 'Infinity', '-Infinity')
              -- An index entry holds at most 2704 bytes.
              AND octet_length(name) + octet_length(schema) <= 2000
        ), stored AS (
            INSERT INTO %2$I.prometheus_remote_write (time, tag_id, name, schema, value)
            SELECT time, tag_id, name, schema, value FROM usable
            ORDER BY time, tag_id, name, schema
            ON CONFLICT DO NOTHING
            RETURNING time, tag_id
        ), orphan AS (
            INSERT INTO internal.orphan_tag AS o (tag_id, source, time_from, time_to)
            SELECT s.tag_id, %2$L, min(s.time), max(s.time)
            FROM stored s
            WHERE NOT EXISTS (
                SELECT FROM internal.prometheus_remote_write_tag t WHERE t.tag_id = s.tag_id)
            GROUP BY s.tag_id
            ORDER BY s.tag_id
            ON CONFLICT (tag_id, source) DO UPDATE SET
                time_from = least(o.time_from, excluded.time_from),
                time_to = greatest(o.time_to, excluded.time_to)
        ), live AS (
            -- A replay passes here too, with old rows; what arrives young is live.
            INSERT INTO internal.live_start AS l (name, schema, starts_at)
            SELECT u.name, u.schema, min(u.time)
            FROM usable u
            WHERE %2$L = 'cumsum' AND u.time > now() - INTERVAL '10 minutes'
            GROUP BY u.name, u.schema
            -- ON CONFLICT locks the row even when it changes nothing; this does not.
            HAVING NOT EXISTS (
                SELECT FROM internal.live_start k
                WHERE k.name = u.name AND k.schema = u.schema AND k.starts_at <= min(u.time))
            ORDER BY u.name, u.schema
            ON CONFLICT (name, schema) DO UPDATE SET
                starts_at = least(l.starts_at, excluded.starts_at)
        ), late AS (
            -- The refresh policies look back 1 hour, and may run a few minutes from now. One
            -- span a day: a batch with two old samples must not dirty the year between them.
            SELECT tstzrange(min(time), max(time), '[]') AS span
            FROM stored
            WHERE time < now() - INTERVAL '50 minutes'
            GROUP BY date_trunc('day', time)
        )
        SELECT (SELECT count(*) FROM taken),
               (SELECT count(*) FROM usable),
               (SELECT array_agg(span) FROM late)
    $move$, 'staging_' || p_source, p_source)
    INTO taken, usable, late;

    IF usable < taken THEN
        RAISE LOG 'staging_%: refused % of % rows: incomplete, not finite, too long a name, or '
            'not between the epoch and tomorrow', p_source, taken - usable, taken;
    END IF;
    FOREACH span IN ARRAY coalesce(late, '{}') LOOP
        PERFORM internal.note_change(
            p_source, lower(span), upper(span) + INTERVAL '1 microsecond', 'late row');
    END LOOP;
    RETURN taken;
END
$$;
