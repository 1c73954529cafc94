SELECT public.delete_job(j.job_id)
FROM timescaledb_information.jobs j
WHERE j.proc_schema = 'internal' AND j.proc_name = 'refresh_rollups';
DROP PROCEDURE internal.refresh_rollups(integer, jsonb);
DROP FUNCTION internal.rollup_due(text, timestamptz, timestamptz);
