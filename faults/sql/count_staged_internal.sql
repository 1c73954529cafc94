SELECT
    (SELECT count(*) FROM staging_internal.prometheus_remote_write)
    + (SELECT count(*) FROM staging_internal.prometheus_remote_write_tag);
