DROP FUNCTION internal.range_parts(text, interval, timestamptz, timestamptz);
DROP TYPE internal.range_part;
DROP FUNCTION
    internal.split_range(interval, timestamptz, timestamptz, tstzmultirange, tstzmultirange),
    internal.buckets_within(interval, timestamptz, timestamptz);
