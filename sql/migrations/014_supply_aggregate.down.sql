DROP MATERIALIZED VIEW internal.cagg_calculated_metric;
