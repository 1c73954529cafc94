SELECT public.attach_tablespace('small_disk', 'internal.prometheus_remote_write')
