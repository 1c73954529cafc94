"""Look whether the raw rows are what the bookkeeping says; changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

from promtsdb_dagster.adapters.batches import TARGETS, Target
from promtsdb_dagster.adapters.database import Connection, Database
from promtsdb_dagster.adapters.sql import query, query_in
from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.doubles import Pair, Stream, Totals, Twice, suspicious
from promtsdb_dagster.core.freshness import LOOK_BACK, Newest
from promtsdb_dagster.core.ledger_check import OVERDUE, Counted, Counts, Done
from promtsdb_dagster.core.orphans import Looked, Noted
from promtsdb_dagster.core.verdicts import Names, sample
from promtsdb_dagster.core.windows import Window

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
# An hour of minutes of a hundred series is 6,000 rows.
_HOURS_A_TABLE = 12
_WINDOWS_A_GROUP = 4
# Beyond that many, all history is read in one go.
_MOST_SPANS = 20
# What retention is about to drop is not looked at.
_YEAR = timedelta(days=364)
_UNEXPLAINED = "a row inside a longer step that the ledger has whole"


class RowAudit:
    """Compare rows, tags and the ledger of a migrated database with one another."""

    def __init__(self, database: Database, names: Names) -> None:
        self._database = database
        self.names = names

    def orphans(self, now: datetime, rng: Random) -> tuple[list[Noted], list[Looked]]:
        """Return what is noted as waiting for tags, and what sampled hours hold without."""
        with self._database.connection() as connection:
            noted = [Noted(*row) for row in connection.execute(query("select_noted_orphans"))]
            looked = []
            for target in TARGETS:
                whole = _span(connection, target, now)
                for window in sample(rng, whole, _HOUR, _HOURS_A_TABLE) if whole else []:
                    bounds = {"start": window.start, "end": window.end}
                    row = connection.execute(query_in(target, "count_lost_orphans"), bounds)
                    looked.append(Looked(target, window, *_numbers(row.fetchone())))
        return noted, looked

    def totals(self) -> Totals:
        """Return what counts twice of all running totals, in all history."""
        names = {"names": sorted(self.names.cumulative)}
        with self._database.connection() as connection:
            streams = [Stream(*row) for row in connection.execute(query("select_streams"))]
            twice = [
                found
                for pair in suspicious(streams, self.names.several)
                if (found := _common(connection, pair))
            ]
            covered = 0
            for start, end in _spans(connection, names):
                asked = {**names, "start": start, "end": end}
                for name, rows, count, first, last in connection.execute(
                    query("select_unexplained"), asked
                ):
                    covered += int(rows)
                    if count:
                        twice.append(Twice(name, int(count), first, last, _UNEXPLAINED))
            overlaps = {
                record: Window(start, end)
                for record, start, end in connection.execute(query("select_covered_twice"), names)
            }
        rows = sum(stream.rows for stream in streams)
        return Totals(twice, rows, len(streams), covered, overlaps)

    def newest(self, now: datetime) -> list[Newest]:
        """Return the newest live row of each metric that ever had one."""
        bounds = {"since": now - LOOK_BACK, "now": now + timedelta(minutes=1)}
        with self._database.connection() as connection:
            rows = connection.execute(query("select_newest_live"), bounds).fetchall()
        return [Newest(*row) for row in rows]

    def ledger(self, group: str, now: datetime, rng: Random) -> tuple[Counts, list[Counted]]:
        """Return what the ledger of a group says, and how many rows some of its windows have."""
        with self._database.connection() as connection:
            asked: dict[str, Any] = {"group": group, "overdue": now - OVERDUE}
            entries, rows, *overdue = (
                connection.execute(query("select_ledger_counts"), asked).fetchone() or (0,) * 5
            )
            asked = {
                "group": group,
                "recent": now - _DAY,
                "floor": now - _YEAR,
                "cumulative": sorted(self.names.cumulative),
            }
            done: list[Done] = []
            recent: list[Done] = []
            for start, end, step, is_recent in connection.execute(
                query("select_done_windows"), asked
            ):
                done.append(Done(Window(start, end), step))
                recent += done[-1:] if is_recent else []
            counted = [
                each
                for chosen in _chosen(rng, recent, done)
                for target in TARGETS
                for each in self._count(connection, group, chosen, target)
            ]
        return Counts(int(entries), int(rows), *overdue), counted

    def _count(
        self, connection: Connection, group: str, done: Done, target: Target
    ) -> list[Counted]:
        asked = {
            "group": group,
            "start": done.window.start,
            "end": done.window.end,
            "step": done.step,
            "instants": list(w.instants(done.window, done.step)),
            "cumulative": sorted(self.names.cumulative),
            "totals": target == "cumsum",
        }
        rows = connection.execute(query_in(target, "count_done_rows"), asked)
        return [Counted(name, done.window, wanted, found) for name, wanted, found in rows]


def _spans(connection: Connection, names: dict[str, list[str]]) -> list[tuple[datetime, datetime]]:
    """Return where rows of coarse steps lie: TimescaleDB skips chunks by constants only."""
    spans: list[tuple[datetime, datetime]] = connection.execute(
        query("select_covered_spans"), names
    ).fetchall()
    return spans if len(spans) <= _MOST_SPANS else [(spans[0][0], spans[-1][1])]


def _span(connection: Connection, target: Target, now: datetime) -> Window | None:
    row = connection.execute(query_in(target, "select_oldest_row")).fetchone()
    oldest: datetime | None = row[0] if row else None
    if oldest is None:
        return None
    if target == "internal":
        oldest = max(oldest, now - _YEAR)
    return w.between(w.floor(oldest, _HOUR), w.floor(now, _HOUR) + _HOUR)


def _numbers(row: tuple[Any, ...] | None) -> list[int]:
    return [int(number) for number in row or (0, 0, 0)]


def _common(connection: Connection, pair: Pair) -> Twice | None:
    asked = {
        "name": pair.one.name,
        "one": pair.one.tag_id,
        "other": pair.other.tag_id,
        "first": pair.first,
        "last": pair.last,
    }
    count, first, last = connection.execute(query("count_common_instants"), asked).fetchone() or (
        0,
        None,
        None,
    )
    return Twice(pair.one.name, int(count), first, last, pair.why) if count else None


def _chosen(rng: Random, recent: Sequence[Done], done: Sequence[Done]) -> list[Done]:
    """Return windows at random: half from those that were verified since yesterday."""
    half = _WINDOWS_A_GROUP // 2
    first = rng.sample(recent, min(half, len(recent)))
    return list(
        dict.fromkeys([*first, *rng.sample(done, min(_WINDOWS_A_GROUP - len(first), len(done)))])
    )
