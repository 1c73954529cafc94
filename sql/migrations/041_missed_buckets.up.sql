-- Notes what no policy will refresh any more, for it stood still for longer than it looks back:
-- TimescaleDB logs what it has not materialized, whether the policy works again by now or not.
-- Returns the aggregates that got a note.
CREATE FUNCTION internal.note_missed() RETURNS SETOF text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- Less than the hour for which policies look back, as it goes on while nobody refreshes. One
    -- that works leaves nothing that is older than some minutes.
    look_back timestamptz := date_trunc('minute', now() - INTERVAL '50 minutes');
    hole record;
    oldest timestamptz;
    newest timestamptz;
BEGIN
    FOR hole IN
        WITH missed AS (
            SELECT s.aggregate, s.source, range_agg(tstzrange(
                greatest(
                    to_timestamp(greatest(l.lowest_modified_value, 0) / 1000000),
                    internal.refresh_floor(s.aggregate)),
                to_timestamp(l.greatest_modified_value / 1000000 + 1)
            )) FILTER (WHERE
                to_timestamp(l.greatest_modified_value / 1000000 + 1)
                    > internal.refresh_floor(s.aggregate)
            ) AS spans
            FROM internal.aggregate_source s
            JOIN _timescaledb_catalog.continuous_agg a
                ON a.user_view_schema || '.' || a.user_view_name = s.aggregate
            -- The last entry has no end.
            CROSS JOIN LATERAL (
                SELECT i.lowest_modified_value, least(
                    i.greatest_modified_value,
                    (extract(epoch FROM look_back) * 1000000)::bigint - 1
                ) AS greatest_modified_value
                FROM _timescaledb_catalog.continuous_aggs_materialization_invalidation_log i
                WHERE i.materialization_id = a.mat_hypertable_id
            ) l
            WHERE l.lowest_modified_value < l.greatest_modified_value
            GROUP BY s.aggregate, s.source
        )
        SELECT m.aggregate, m.source, span
        FROM missed m
        CROSS JOIN LATERAL unnest(m.spans - coalesce((
            SELECT range_agg(tstzrange(c.window_start, c.window_end))
            FROM internal.aggregate_change c WHERE c.aggregate = m.aggregate
        ), '{}')) AS span
        ORDER BY m.aggregate, span
    LOOP
        EXECUTE format(
            'SELECT min(time), max(time) FROM %I.prometheus_remote_write'
            ' WHERE time >= $1 AND time < $2', hole.source)
        INTO oldest, newest USING lower(hole.span), upper(hole.span);
        IF oldest IS NOT NULL THEN
            INSERT INTO internal.aggregate_change (aggregate, window_start, window_end, reason)
            VALUES (
                hole.aggregate,
                -- A bucket that the floor cuts in two is not whole.
                greatest(date_trunc('minute', oldest), lower(hole.span)),
                date_trunc('minute', newest) + INTERVAL '1 minute',
                'late row');
            RETURN NEXT hole.aggregate;
        END IF;
    END LOOP;
END
$$;

REVOKE EXECUTE ON FUNCTION internal.note_missed() FROM PUBLIC;
