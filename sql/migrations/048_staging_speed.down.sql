DROP FUNCTION internal.judge_staged_rows(text);
DROP FUNCTION internal.covered_minutes(text, timestamptz, timestamptz);
