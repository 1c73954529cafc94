-- The whole days of a window in which roll-ups may be made anew, hours before days. Minutes are
-- settled two hours ago; a real-time aggregate shows raw rows from its watermark on, and rolled up
-- they would stay, even if they were deleted before they become minutes.
SELECT bound.rollup, bound.starts, bound.ends
FROM (
    SELECT
        r.rollup,
        r.width,
        date_bin(INTERVAL '1 day', %(start)s, TIMESTAMPTZ '2000-01-01 00:00:00+00') AS starts,
        date_bin(
            r.width,
            least(
                date_bin(
                    INTERVAL '1 day',
                    %(end)s + INTERVAL '1 day' - INTERVAL '1 microsecond',
                    TIMESTAMPTZ '2000-01-01 00:00:00+00'),
                now() - INTERVAL '2 hours',
                CASE WHEN NOT a.materialized_only
                    THEN to_timestamp(greatest(coalesce(w.watermark, 0), 0) / 1000000) END),
            TIMESTAMPTZ '2000-01-01 00:00:00+00') AS ends
    FROM internal.rollup r
    JOIN _timescaledb_catalog.continuous_agg a
        ON a.user_view_schema || '.' || a.user_view_name = r.aggregate
    LEFT JOIN _timescaledb_catalog.continuous_aggs_watermark w USING (mat_hypertable_id)
    WHERE r.aggregate = %(aggregate)s
) bound
WHERE bound.starts < bound.ends
ORDER BY bound.width
