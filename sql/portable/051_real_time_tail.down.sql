CREATE OR REPLACE VIEW internal.cagg_calculated_metric AS
SELECT bucket, name, schema, value
FROM internal.cagg_calculated_metric_stored
UNION ALL
SELECT bucket, name, schema, value
FROM internal.cagg_calculated_metric_rows(
    COALESCE(
        (SELECT max(bucket) + INTERVAL '1 minute' FROM internal.cagg_calculated_metric_stored),
        '-infinity'
    ),
    'infinity'
);

DROP FUNCTION internal.calculated_stored_to();
