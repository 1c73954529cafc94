-- What was made since stays as it is.
SELECT public.set_chunk_time_interval('internal.prometheus_remote_write', INTERVAL '7 days');
SELECT public.set_chunk_time_interval('cumsum.prometheus_remote_write', INTERVAL '7 days');
