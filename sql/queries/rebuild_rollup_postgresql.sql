-- One refresh of an aggregate at a time, as in internal.refresh_aggregate.
WITH alone AS MATERIALIZED (
    SELECT pg_advisory_xact_lock(hashtextextended('refresh ' || %s, 0))
)
SELECT internal.refresh_buckets(%s, %s, %s) FROM alone
