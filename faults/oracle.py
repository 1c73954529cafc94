"""Compare a database with the truth, row for row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

import psycopg

from faults.reckoning import aggregates_of
from faults.statements import statement
from faults.truth import Part, Rows, Truth

K = TypeVar("K")
V = TypeVar("V")


@dataclass
class Difference:
    """Count what is not as it must be; `where` says what and in which table."""

    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    where: Counter[str] = field(default_factory=Counter)

    def __bool__(self) -> bool:
        return bool(self.lost or self.doubled or self.wrong)

    def __str__(self) -> str:
        return ", ".join(f"{what}: {n}" for what, n in self.where.most_common(6)) or "all right"

    def count(self, kind: str, table: str, number: int) -> None:
        """Add so many rows of a table that are `lost`, `doubled` or `wrong`."""
        if number:
            setattr(self, kind, getattr(self, kind) + number)
            self.where[f"{kind} in {table}"] += number


def compare(
    url: str,
    truth: Truth,
    parts: Sequence[Part],
    *,
    aggregates: bool = False,
    ledger: bool = True,
) -> Difference:
    """Return how a database differs from what the source says of the parts.

    Rows and tags always; the ledger unless the rows came live; the aggregates where they are
    refreshed. `url` needs to see everything, so it is the owner's.
    """
    wanted = truth.rows(parts)
    found = Difference()
    with psycopg.connect(url) as connection:
        connection.execute("SET TIME ZONE 'UTC'")
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        _rows(connection, wanted, found)
        _tags(connection, wanted, found)
        if ledger:
            _ledger(connection, truth, parts, found)
        if aggregates:
            _aggregates(connection, wanted, found)
    return found


def _rows(connection: psycopg.Connection, wanted: Rows, found: Difference) -> None:
    totals = {key: value for key, value in wanted.values.items() if key[3] == "cumsum"}
    gauges = {key: value for key, value in wanted.values.items() if key[3] != "cumsum"}
    for table, mine in (("internal", gauges), ("cumsum", totals)):
        rows = connection.execute(statement(f"select_{table}")).fetchall()
        _compare(f"{table} rows", mine, ((tuple(row[:4]), row[4]) for row in rows), found)
        # What is in staging is in no table yet, and would stay there.
        (left,) = connection.execute(statement(f"count_staged_{table}")).fetchone() or (0,)
        found.count("wrong", f"staging_{table}", left)


def _tags(connection: psycopg.Connection, wanted: Rows, found: Difference) -> None:
    rows = connection.execute(statement("select_tags")).fetchall()
    _compare("tags", wanted.tags, ((row[0], row[1]) for row in rows), found)


def _compare(
    table: str,
    wanted: Mapping[K, V],
    held: Iterable[tuple[object, object]],
    found: Difference,
) -> None:
    left: dict[object, object] = {}
    left.update(wanted.items())
    for key, value in held:
        if key not in left:
            found.count("doubled", table, 1)
        elif left.pop(key) != value:
            found.count("wrong", table, 1)
    found.count("lost", table, len(left))


def _ledger(
    connection: psycopg.Connection, truth: Truth, parts: Sequence[Part], found: Difference
) -> None:
    """Count instants of rules that no verified entry holds, or more than one."""
    entries: dict[tuple[str, str, timedelta], list[tuple[datetime, datetime]]] = {}
    open_entries = 0
    for group, record, step, start, end, verified in connection.execute(
        statement("select_ledger")
    ).fetchall():
        open_entries += not verified
        entries.setdefault((group, record, step), []).append((start, end))
    found.count("wrong", "ledger (never verified)", open_entries)
    for part in parts:
        step, rules = truth.groups[part.group]
        records = {rule.record for rule in rules}
        for record in records:
            total = record.lower() in truth.totals
            if not (part.totals if total else part.gauges):
                continue
            # Two rules may share a record: each has entries of its own.
            rules_of = sum(rule.record == record for rule in rules)
            mine = [
                window
                for (group, key, width), windows in entries.items()
                if key.split("#")[0] == record and width == step and group == part.group
                for window in windows
            ]
            for instant in part.instants(step):
                held = sum(start <= instant < end for start, end in mine)
                found.count("lost", "ledger", max(0, rules_of - held))
                found.count("doubled", "ledger", max(0, held - rules_of))


def _aggregates(connection: psycopg.Connection, wanted: Rows, found: Difference) -> None:
    for name, buckets in aggregates_of(wanted).items():
        rows = connection.execute(statement(f"select_{name}")).fetchall()
        width = len(next(iter(buckets), ()))
        held = ((tuple(row[:width]), tuple(row[width:])) for row in rows)
        _compare(name, buckets, held, found)
