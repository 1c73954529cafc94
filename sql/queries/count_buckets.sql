SELECT count(*) FROM {} WHERE bucket >= %s AND bucket < %s
