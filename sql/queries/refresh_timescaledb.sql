CALL public.refresh_continuous_aggregate(%s, %s, %s)
