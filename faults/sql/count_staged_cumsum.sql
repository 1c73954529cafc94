SELECT
    (SELECT count(*) FROM staging_cumsum.prometheus_remote_write)
    + (SELECT count(*) FROM staging_cumsum.prometheus_remote_write_tag);
