DROP FUNCTION internal.check_coverage_request(text, interval, timestamptz, timestamptz);
