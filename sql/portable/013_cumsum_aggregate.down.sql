DROP FUNCTION cumsum.all_metrics_minute_rows(timestamptz, timestamptz);
DROP TABLE cumsum.all_metrics_minute;
