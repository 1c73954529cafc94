-- What waits in the staging tables of one schema.
SELECT
    (SELECT count(*) FROM {schema}.prometheus_remote_write)
    + (SELECT count(*) FROM {schema}.prometheus_remote_write_tag)
