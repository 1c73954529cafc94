DROP FUNCTION internal.coverage_names(text);
DROP FUNCTION internal.coverage_text(text, timestamptz, timestamptz, text);
DROP FUNCTION internal.coverage_range(text, timestamptz, timestamptz);
DROP FUNCTION internal.coverage_aggregate(text);
