SELECT pg_catalog.pg_advisory_unlock(pg_catalog.hashtextextended('refresh ' || %s, 0))
