SELECT internal.refresh_aggregate(%s, %s, %s)
