-- Bytes of rows, and of indexes, in all chunks.
SELECT sum(table_bytes + coalesce(toast_bytes, 0))::bigint, sum(index_bytes)::bigint
FROM public.hypertable_detailed_size('internal.prometheus_remote_write')
