DROP FUNCTION internal.hours_within(tstzmultirange);
DROP FUNCTION internal.step_text(interval);
DROP FUNCTION internal.coverage_steps(text, timestamptz, timestamptz);
DROP FUNCTION internal.coverage_spans(text, timestamptz, timestamptz);
