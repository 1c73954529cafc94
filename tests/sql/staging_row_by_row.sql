-- What staging does with a batch, said for one row after the other: the tests compare both ways of
-- the product with this.
CREATE OR REPLACE FUNCTION internal.move_staged_rows(p_source text) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    here record;
    limits internal.staging_limit%ROWTYPE;
    is_young boolean;
    is_old boolean;
    is_covered boolean;
    is_closed boolean;
    is_open boolean;
    is_stored boolean;
    verdict text;
    taken bigint := 0;
    changed bigint;
    late jsonb := '{}';
    day text;
BEGIN
    SELECT * INTO limits FROM internal.staging_limit;
    FOR here IN EXECUTE format(
        'DELETE FROM %I.prometheus_remote_write RETURNING time, tag_id, name, schema, value',
        'staging_' || p_source)
    LOOP
        taken := taken + 1;
        is_young := here.time > now() - INTERVAL '10 minutes';
        is_old := here.time < now() - limits.late;
        verdict := CASE
            WHEN num_nulls(here.time, here.tag_id, here.name, here.schema, here.value) > 0
                THEN 'incomplete'
            WHEN here.value IN ('NaN', 'Infinity', '-Infinity') THEN 'not finite'
            WHEN here.time >= now() + limits.early THEN 'in the future'
            WHEN octet_length(here.name) + octet_length(here.schema) > 2000 THEN 'name too long'
        END;
        IF verdict IS NULL THEN
            SELECT count(*) > 0, coalesce(bool_or(k.closed), false), coalesce(bool_or(NOT k.closed), false)
            INTO is_covered, is_closed, is_open
            FROM (
                SELECT c.verified OR date_bin(c.step, here.time, 'epoch') <> here.time AS closed
                FROM internal.backfill_coverage c
                WHERE c.name = here.name AND c.minutes @> here.time
            ) k;
            EXECUTE format(
                'SELECT EXISTS (SELECT FROM %I.prometheus_remote_write s WHERE s.time = $1'
                ' AND s.tag_id = $2 AND s.name = $3 AND s.schema = $4)', p_source)
            INTO is_stored USING here.time, here.tag_id, here.name, here.schema;
            verdict := CASE
                WHEN is_closed AND (p_source = 'cumsum' OR is_old AND NOT is_open)
                    THEN 'covered by a backfill'
                WHEN is_old AND NOT is_covered THEN 'too old' END;
            CONTINUE WHEN verdict = 'covered by a backfill' AND is_stored;
        END IF;
        IF verdict IS NOT NULL THEN
            INSERT INTO internal.refused_row AS r (source, reason, day, rows)
            VALUES (p_source, verdict, (now() AT TIME ZONE 'UTC')::date, 1)
            ON CONFLICT (source, reason, day) DO UPDATE SET rows = r.rows + 1;
            CONTINUE;
        END IF;

        EXECUTE format('INSERT INTO %I.prometheus_remote_write (time, tag_id, name, schema, value)'
            ' VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING', p_source)
        USING here.time, here.tag_id, here.name, here.schema, here.value;
        GET DIAGNOSTICS changed = ROW_COUNT;
        IF changed > 0 AND NOT EXISTS (
            SELECT FROM internal.prometheus_remote_write_tag t WHERE t.tag_id = here.tag_id)
        THEN
            INSERT INTO internal.orphan_tag AS o (tag_id, source, time_from, time_to)
            VALUES (here.tag_id, p_source, here.time, here.time)
            ON CONFLICT (tag_id, source) DO UPDATE SET
                time_from = least(o.time_from, excluded.time_from),
                time_to = greatest(o.time_to, excluded.time_to);
        END IF;
        INSERT INTO internal.staged_name (name, schema) VALUES (here.name, here.schema)
        ON CONFLICT DO NOTHING;
        IF is_young AND NOT is_covered THEN
            INSERT INTO internal.live_start AS l (name, schema, starts_at)
            VALUES (here.name, here.schema, here.time)
            ON CONFLICT (name, schema) DO UPDATE SET
                starts_at = least(l.starts_at, excluded.starts_at);
        END IF;
        IF changed > 0 AND here.time < now() - INTERVAL '50 minutes' THEN
            day := date_trunc('day', here.time, 'UTC')::text;
            late := jsonb_set(late, ARRAY[day], jsonb_build_array(
                least((late -> day ->> 0)::timestamptz, here.time),
                greatest((late -> day ->> 1)::timestamptz, here.time)));
        END IF;
    END LOOP;

    PERFORM internal.note_change(p_source, (span ->> 0)::timestamptz,
        (span ->> 1)::timestamptz + INTERVAL '1 microsecond', 'late row')
    FROM jsonb_each(late) AS noted (key, span);
    RETURN taken;
END
$$;
