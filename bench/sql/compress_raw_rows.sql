SELECT public.compress_chunk(c) FROM public.show_chunks('internal.prometheus_remote_write') AS c
