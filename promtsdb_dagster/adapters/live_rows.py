"""Compare live rows in the database with what the source says, and remember the outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import stamina
from psycopg.types.multirange import TimestamptzMultirange
from psycopg.types.range import TimestamptzRange

from promtsdb_dagster.adapters.batches import TARGETS, Target, only
from promtsdb_dagster.adapters.copying import copy_rows, span_of
from promtsdb_dagster.adapters.database import Connection, Database
from promtsdb_dagster.adapters.sql import query, query_in
from promtsdb_dagster.core.gaps import Comparison, Gap, LiveState
from promtsdb_dagster.core.ports import Part
from promtsdb_dagster.core.windows import EPOCH, Window
from promtsdb_dagster.errors import StoreUnavailable

_retried = stamina.retry(on=StoreUnavailable, attempts=6, wait_jitter=0.5)


class LiveRows:
    """Look at the live rows of a migrated database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @_retried
    def live_state(self) -> LiveState:
        """Return where live rows begin, up to where they were compared, and what they lack."""
        with self._database.connection() as connection:
            live_since: dict[str, datetime] = dict(
                connection.execute(query("select_live_start")).fetchall()
            )
            checked = connection.execute(query("select_live_checked")).fetchall()
            gaps = connection.execute(query("select_live_gaps")).fetchall()
        return LiveState(
            live_since,
            {record: start for record, start, _ in checked},
            {record: until for record, _, until in checked},
            [
                Gap(record, hour, _windows(missing), _windows(absent), *known)
                for record, hour, missing, absent, *known in gaps
            ],
        )

    @_retried
    def compare(self, parts: Sequence[Part], several: Collection[str]) -> list[Comparison]:
        """Return how what is stored differs from the parts; changes nothing.

        `several` are the metrics that more than one rule makes.
        """
        lacking, taken, differing = ([Counter[int]() for _ in parts] for _ in range(3))
        with self._database.connection() as connection:
            for target in TARGETS:
                for task, instant, *counts in _look_up(connection, target, parts, several):
                    second = int((instant - EPOCH) / timedelta(seconds=1))
                    for counter, count in zip((lacking, taken, differing), counts, strict=True):
                        counter[task][second] += count
        return [
            Comparison(+short, +other, values.total())
            for short, other, values in zip(lacking, taken, differing, strict=True)
        ]

    @_retried
    def note(self, found: Sequence[Gap], checked_until: Mapping[str, datetime]) -> None:
        """Replace what is known of these rules and hours, in one transaction."""
        with self._database.connection() as connection:
            for gap in found:
                row: dict[str, Any] = {
                    "record": gap.record,
                    "hour": gap.hour,
                    "missing": _multirange(gap.missing),
                    "absent": _multirange(gap.absent),
                    "attempts": gap.attempts,
                }
                lacks = gap.missing or gap.absent
                connection.execute(query("upsert_live_gap" if lacks else "delete_live_gap"), row)
            for record, until in checked_until.items():
                row = {"record": record, "until": until}
                connection.execute(query("update_live_checked"), row)

    @_retried
    def begin(self, owed_from: Mapping[str, datetime]) -> None:
        """Remember from where on rules are owed and compared; what is known stays."""
        with self._database.connection() as connection:
            for record, start in owed_from.items():
                row = {"record": record, "owed_from": start}
                connection.execute(query("insert_live_checked"), row)


def _look_up(
    connection: Connection, target: Target, parts: Sequence[Part], several: Collection[str]
) -> list[tuple[int, datetime, int, int, int]]:
    mine = only(parts, target)
    span = span_of(mine)
    if span is None:
        return []
    connection.execute(query("create_incoming"))
    copy_rows(connection, query("copy_incoming"), mine, with_task=True)
    bounds = {"start": span.start, "end": span.end}
    rule = {"totals": target == "cumsum", "step": mine[0][0].step, "several": list(several)}
    return connection.execute(query_in(target, "find_lacking"), {**bounds, **rule}).fetchall()


def _windows(ranges: TimestamptzMultirange) -> tuple[Window, ...]:
    return tuple(Window(part.lower, part.upper) for part in ranges if part.lower and part.upper)


def _multirange(windows: Sequence[Window]) -> TimestamptzMultirange:
    return TimestamptzMultirange(
        [TimestamptzRange(window.start, window.end, "[)") for window in windows]
    )
