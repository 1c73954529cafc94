-- What of a window TimescaleDB's log says is not materialized.
SELECT lower(span), upper(span)
FROM unnest(
    internal.not_settled(%s, INTERVAL '1 minute') * tstzmultirange(tstzrange(%s, %s))
) AS span
