DROP TABLE internal.orphan_tag;
DROP TABLE internal.aggregate_change;
DROP TABLE internal.live_start;
DROP TABLE internal.backfill_ledger;
