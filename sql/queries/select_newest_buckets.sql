SELECT aggregate, wanted, stored FROM internal.newest_buckets(%s, %s)
