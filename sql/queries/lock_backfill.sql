-- Writers of the same partition take turns, whatever their windows are.
SELECT pg_advisory_xact_lock(hashtext('promtsdb backfill'), hashtext(%(key)s))
