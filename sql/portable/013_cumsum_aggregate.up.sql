CREATE TABLE cumsum.all_metrics_minute (
    bucket    timestamptz,
    name      text,
    schema    text,
    sum_value numeric,
    PRIMARY KEY (bucket, name, schema)
);

CREATE INDEX idx_cumsum_all_metrics_minute_name_schema_bucket
ON cumsum.all_metrics_minute (name, schema, bucket DESC);

-- What the raw rows of [p_from, p_to) say. No SET: the body is bound when it is created, and
-- the planner can inline it.
CREATE FUNCTION cumsum.all_metrics_minute_rows(p_from timestamptz, p_to timestamptz)
RETURNS TABLE (bucket timestamptz, name text, schema text, sum_value numeric)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT
    date_bin(INTERVAL '1 minute', r.time, TIMESTAMPTZ '2000-01-01 00:00:00+00') AS bucket,
    r.name,
    r.schema,
    sum(r.value) AS sum_value
FROM cumsum.prometheus_remote_write r
WHERE r.time >= p_from AND r.time < p_to
GROUP BY 1, 2, 3;
END;

REVOKE EXECUTE ON FUNCTION cumsum.all_metrics_minute_rows(timestamptz, timestamptz) FROM PUBLIC;
