SELECT public.drop_chunks('internal.prometheus_remote_write', older_than => INTERVAL '30 days')
