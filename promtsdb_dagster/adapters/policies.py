"""Look at what keeps the database in shape: TimescaleDB's jobs, or ours."""

from __future__ import annotations

from datetime import datetime

from promtsdb_dagster.adapters.database import Connection, Database
from promtsdb_dagster.adapters.sql import query
from promtsdb_dagster.core.policies import LOOK_BACK, SETTLED, Bucket, Change, Job, Upkeep
from promtsdb_dagster.core.windows import Window


class Policies:
    """Read how the upkeep of a migrated database stands; changes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def upkeep(self, now: datetime) -> Upkeep:
        """Return what there is to judge."""
        engine = self._database.engine()
        with self._database.connection() as connection:
            names = tuple(row[0] for row in connection.execute(query("select_aggregate_names")))
            buckets = tuple(
                Bucket(*row)
                for row in connection.execute(
                    query("select_newest_buckets"), [now - LOOK_BACK, now - SETTLED]
                )
            )
            changes = tuple(
                Change(name, count, Window(start, end))
                for name, count, start, end in connection.execute(query("select_forgotten_changes"))
            )
            if engine == "timescaledb":
                overdue = connection.execute(query("select_overdue_chunks")).fetchone() or (0, 0)
                return Upkeep(
                    engine,
                    buckets,
                    changes,
                    jobs=_jobs(connection),
                    uncompressed_chunks=overdue[0],
                    expired_chunks=overdue[1],
                    aggregates=names,
                )
            mark = connection.execute(query("select_refresh_mark")).fetchone()
            expired = connection.execute(query("select_overdue_rows")).fetchone()
            return Upkeep(
                engine,
                buckets,
                changes,
                refreshed_to=mark[0] if mark else None,
                expired_rows=bool(expired and expired[0]),
                aggregates=names,
            )


def _jobs(connection: Connection) -> tuple[Job, ...]:
    return tuple(
        Job(kind, target, number, scheduled, every, started_at, bool(failed), code, error)
        for kind, target, number, scheduled, every, started_at, failed, code, error in (
            connection.execute(query("select_policy_jobs"))
        )
    )
