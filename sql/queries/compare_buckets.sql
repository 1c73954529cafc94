-- How many buckets a window has, stored or wanted, how many are not both, and the first of those.
WITH fresh AS MATERIALIZED (
    SELECT * FROM ({definition}) f WHERE f.bucket >= %(start)s AND f.bucket < %(end)s
), stored AS MATERIALIZED (
    SELECT * FROM {store} s WHERE s.bucket >= %(start)s AND s.bucket < %(end)s
), lacking AS (
    TABLE fresh EXCEPT ALL TABLE stored
), wrong AS (
    TABLE stored EXCEPT ALL TABLE fresh
)
SELECT
    greatest((SELECT count(*) FROM fresh), (SELECT count(*) FROM stored)),
    -- One with another value is in both.
    greatest((SELECT count(*) FROM lacking), (SELECT count(*) FROM wrong)),
    least((SELECT min(bucket) FROM lacking), (SELECT min(bucket) FROM wrong))
