-- Rows of a unit are put together in memory: past work_mem the server would sort them on disk,
-- at three times the price. A larger setting stays.
SELECT pg_catalog.set_config('work_mem', '64MB', true)
WHERE pg_catalog.pg_size_bytes(pg_catalog.current_setting('work_mem')) < 67108864
