SELECT bucket, name, schema, value FROM internal.cagg_calculated_metric;
