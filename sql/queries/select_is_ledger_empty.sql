-- True as long as no window was ever backfilled.
SELECT NOT EXISTS (SELECT FROM internal.backfill_ledger)
