DROP FUNCTION internal.coverage_told(
    text, text[], interval, timestamptz[], timestamptz, timestamptz, timestamptz);
