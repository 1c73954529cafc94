-- True once the backfill can write.
SELECT to_regclass('internal.backfill_ledger') IS NOT NULL
