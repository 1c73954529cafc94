"""Look whether aggregates and their roll-ups are what is below them; changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from psycopg import sql

from promtsdb_dagster.adapters.database import Connection, Database, engine_of
from promtsdb_dagster.adapters.sql import query
from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.bucket_check import LAG, Compared
from promtsdb_dagster.core.migrations import Engine
from promtsdb_dagster.core.verdicts import sample
from promtsdb_dagster.core.windows import Window

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
# An hour of minutes of a hundred metrics is 6,000 buckets, a day of their hours 2,400.
_HOURS = 12
_DAYS = 2


@dataclass(frozen=True)
class BucketReport:
    """Hold what was compared, and what was left out as it waits for a refresh."""

    compared: Sequence[Compared]
    pending: Sequence[Window]


class BucketAudit:
    """Compare buckets of a migrated database with what they are made of."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def compare(self, aggregate: str, now: datetime, rng: Random) -> BucketReport:
        """Compare sampled hours with raw rows, and days of its roll-ups with the minutes.

        Leaves out what is noted as changed, what is younger than the policies' lag, and what has
        no raw rows any more.
        """
        with self._database.connection() as connection:
            # What is vouched for and what is compared must be of one moment.
            connection.execute(query("read_one_moment"))
            engine = engine_of(connection)
            row = connection.execute(query("select_refresh_floor"), [aggregate]).fetchone()
            floor: datetime | None = row[0] if row else None
            whole = w.between(w.ceil(floor, _HOUR), now - LAG) if floor else None
            if whole is None:
                return BucketReport((), ())
            pending = w.intersect([whole], _pending(connection, engine, aggregate, whole))
            wanted = sample(rng, whole, _HOUR, _HOURS)
            compared = [
                _compare(connection, engine, aggregate, window)
                for window in w.subtract(wanted, pending)
            ]
            names = connection.execute(query("select_rollups"), [aggregate]).fetchall()
            days = sample(rng, whole, _DAY, _DAYS)
            for (name,) in names:
                for window in w.intersect(days, _rolled_up(connection, name, whole)):
                    compared.append(_compare(connection, engine, name, window))
        return BucketReport(compared, pending)


def _pending(connection: Connection, engine: Engine, aggregate: str, whole: Window) -> list[Window]:
    noted = connection.execute(query("select_pending_buckets"), {"aggregate": aggregate}).fetchall()
    if engine == "timescaledb":
        noted += connection.execute(
            query("select_unsettled"), [aggregate, whole.start, whole.end]
        ).fetchall()
    else:
        noted += connection.execute(
            query("select_missed_buckets_postgresql"), [aggregate]
        ).fetchall()
    return _windows(noted)


def _rolled_up(connection: Connection, rollup: str, whole: Window) -> list[Window]:
    asked = {"rollup": rollup, "start": whole.start, "end": whole.end}
    return _windows(connection.execute(query("select_rolled_up"), asked))


def _windows(rows: Iterable[tuple[datetime, datetime]]) -> list[Window]:
    return [window for start, end in rows if (window := w.between(start, end))]


def _compare(connection: Connection, engine: Engine, relation: str, window: Window) -> Compared:
    bounds = {"start": window.start, "end": window.end}
    definition, schema, table = connection.execute(
        query(f"select_bucket_sources_{engine}"), {"name": relation, **bounds}
    ).fetchone() or ("", "", "")
    statement = sql.SQL(query("compare_buckets")).format(
        # It comes from the catalog, where per cent signs are themselves.
        definition=sql.SQL(definition.replace("%", "%%")),
        store=sql.Identifier(schema, table),
    )
    buckets, differing, example = connection.execute(statement, bounds).fetchone() or (0, 0, None)
    return Compared(relation, window, int(buckets), int(differing), example)
