SELECT public.add_retention_policy('internal.prometheus_remote_write', INTERVAL '1 year');
SELECT public.add_compression_policy('internal.prometheus_remote_write', INTERVAL '7 days');
SELECT public.add_compression_policy('cumsum.prometheus_remote_write', INTERVAL '7 days');
