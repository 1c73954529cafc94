-- The rows of a batch as live rows come: one minute after the other, all series of it. A third are
-- whole numbers, a third have two decimals, a third all digits that a float can have.
CREATE TEMP TABLE staged AS
SELECT
    (m * %(series)s::bigint + s) / %(rows)s::bigint AS batch,
    %(start)s::timestamptz + m * %(step)s::interval AS time,
    hashint8extended(s, 1) AS tag_id,
    'manifest_metric_number_' || lpad((s / 10)::text, 2, '0') AS name,
    (ARRAY['mainnet', 'testnet', 'common'])[1 + s %% 3] AS schema,
    CASE s %% 3
        WHEN 0 THEN (random() * 1e6)::bigint::numeric
        WHEN 1 THEN (random() * 1e4)::numeric(10, 2)
        ELSE (random() * 1e3)::text::numeric
    END AS value
FROM generate_series(0, %(instants)s - 1) AS m
CROSS JOIN generate_series(0, %(series)s - 1) AS s
