DROP VIEW internal.cagg_calculated_metric;
DROP FUNCTION internal.cagg_calculated_metric_rows(timestamptz, timestamptz);
DROP TABLE internal.cagg_calculated_metric_stored;
