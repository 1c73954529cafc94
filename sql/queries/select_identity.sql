-- The ledger table's own number beside the database's: dropping and migrating again changes it.
SELECT concat_ws(
    '/',
    (SELECT system_identifier FROM pg_catalog.pg_control_system()),
    (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()),
    to_regclass('internal.backfill_ledger')::oid
)
