-- What TimescaleDB's own jobs are set to, and what it says of their last runs.
SELECT
    j.proc_name,
    coalesce(
        a.view_schema || '.' || a.view_name,
        j.hypertable_schema || '.' || j.hypertable_name,
        j.proc_schema || '.' || j.proc_name
    ),
    j.job_id,
    j.scheduled,
    j.schedule_interval,
    nullif(s.last_run_started_at, '-infinity'),
    s.last_run_status = 'Failed',
    e.sqlerrcode,
    e.err_message
FROM timescaledb_information.jobs AS j
LEFT JOIN timescaledb_information.continuous_aggregates AS a
    ON a.materialization_hypertable_schema = j.hypertable_schema
    AND a.materialization_hypertable_name = j.hypertable_name
LEFT JOIN timescaledb_information.job_stats AS s ON s.job_id = j.job_id
LEFT JOIN LATERAL (
    SELECT f.sqlerrcode, f.err_message
    FROM timescaledb_information.job_errors AS f
    WHERE f.job_id = j.job_id
    ORDER BY f.finish_time DESC
    LIMIT 1
) AS e ON true
WHERE j.proc_name IN (
    'policy_refresh_continuous_aggregate', 'policy_compression', 'policy_retention',
    'refresh_rollups'
)
ORDER BY j.job_id
