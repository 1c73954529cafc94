SELECT public.remove_compression_policy('cumsum.prometheus_remote_write');
SELECT public.remove_compression_policy('internal.prometheus_remote_write');
SELECT public.remove_retention_policy('internal.prometheus_remote_write');
