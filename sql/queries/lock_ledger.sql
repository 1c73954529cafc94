-- Who writes rows writes the ledger in the same transaction: until this one ends nobody else does
-- either. Reading goes on, live rows too.
LOCK TABLE internal.backfill_ledger IN SHARE ROW EXCLUSIVE MODE
