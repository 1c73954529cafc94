-- Where verified entries of coarse steps cover running totals.
SELECT lower(span), upper(span)
FROM (
    SELECT unnest(range_agg(c.minutes)) AS span
    FROM internal.backfill_coverage c
    WHERE c.name = ANY(%(names)s::text[]) AND c.verified AND c.step > INTERVAL '1 minute'
) s
ORDER BY 1
