-- Up to where minutes are stored. A function where a subquery was: only so the planner inlines the
-- view's second half, and reads of the raw rows behind it those that are asked for.
CREATE FUNCTION internal.calculated_stored_to() RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(
    (SELECT max(bucket) + INTERVAL '1 minute' FROM internal.cagg_calculated_metric_stored),
    '-infinity');

REVOKE EXECUTE ON FUNCTION internal.calculated_stored_to() FROM PUBLIC;

CREATE OR REPLACE VIEW internal.cagg_calculated_metric AS
SELECT bucket, name, schema, value
FROM internal.cagg_calculated_metric_stored
UNION ALL
SELECT bucket, name, schema, value
FROM internal.cagg_calculated_metric_rows(internal.calculated_stored_to(), 'infinity');
