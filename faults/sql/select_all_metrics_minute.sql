SELECT bucket, name, schema, sum_value FROM cumsum.all_metrics_minute;
