SELECT public.compress_chunk(c, if_not_compressed => true)
FROM (
    SELECT public.show_chunks('internal.prometheus_remote_write')
    UNION ALL SELECT public.show_chunks('cumsum.prometheus_remote_write')
) AS chunks (c)
