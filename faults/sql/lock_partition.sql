SELECT pg_advisory_xact_lock(hashtext('promtsdb backfill'), hashtext(%s))
