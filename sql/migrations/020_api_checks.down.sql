DROP FUNCTION internal.interval_count(interval, timestamptz, timestamptz);
DROP FUNCTION internal.month_number(timestamptz);
DROP FUNCTION internal.interval_months(interval);
DROP FUNCTION internal.check_metric_name(text);
DROP FUNCTION internal.check_schema(text[], text);
