"""What is said of the assets that keep the database in shape."""

from promtsdb_dagster.defs.describing import described, links

_FILES = ("promtsdb_dagster/defs/housekeeping.py", "promtsdb_dagster/adapters/housekeeping.py")

HOUSEKEEPING_TEXTS = {
    "recent_buckets": described(
        "The last hour of every aggregate, up to a minute ago, and whatever was missed before "
        "it. The sensor of the same name does it every minute; this does it whole. On TimescaleDB "
        "policies do it, and this notes the hours that they missed for good, which the sensor "
        "`late_changes` has refreshed.",
        "`policies_healthy` says of each job what stands still and what to do; what was missed is "
        "made up for by itself.",
    ),
    "expired_rows": described(
        "Gauges older than one year are dropped, an hour of them in a transaction; buckets and "
        "running totals stay. On TimescaleDB it does nothing: a policy does it.",
        "the run's log says why; launch it again. It goes on where it ended, and nothing reads "
        "rows of that age.",
    ),
    "unused_tags": described(
        "Tags that no row has referred to for a week are retired, and forgotten a month later; "
        "until then they come back with the first row that refers to them. Looks at all rows.",
        "the run's log says why; launch it again. No row is without its tags meanwhile.",
    ),
    "old_notes": described(
        "Bookkeeping that nothing will act on any more is dropped: changes of what can never "
        "be refreshed again, counts of refused rows and gaps in live data of over 400 days ago.",
        "the run's log says why; launch it again. Old notes cost space and nothing else.",
    ),
}

HOUSEKEEPING_LINKS = {
    "recent_buckets": links(
        "sql/queries/refresh_newest.sql",
        "sql/queries/refresh_missed.sql",
        "sql/queries/note_missed.sql",
        "sql/migrations/019_refresh_policies.up.sql",
        "sql/portable/040_recent_buckets.up.sql",
        *_FILES,
    ),
    "expired_rows": links(
        "sql/queries/drop_expired_rows.sql",
        "sql/migrations/018_storage_policies.up.sql",
        "sql/portable/018_storage_policies.up.sql",
        *_FILES,
    ),
    "unused_tags": links(
        "sql/queries/notice_unused_tags.sql",
        "sql/queries/retire_tags.sql",
        "sql/queries/restore_tags.sql",
        "sql/queries/forget_unused_tags.sql",
        "promtsdb_dagster/adapters/unused_tags.py",
        _FILES[0],
    ),
    "old_notes": links(
        "sql/queries/delete_lost_changes.sql",
        "sql/queries/delete_old_rows.sql",
        *_FILES,
    ),
}
