"""A source and a store in memory, for tests of what is decided between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.plan import Entry
from promtsdb_dagster.core.ports import Batch, Tally
from promtsdb_dagster.core.windows import EPOCH, Window
from promtsdb_dagster.errors import VerificationFailed

Key = tuple[int, int, str, str]


class MemorySource:
    """Answer every expression by a function of the instant and the step."""

    def __init__(
        self, values: Callable[[str, datetime, timedelta], Mapping[str, str]], now: datetime
    ) -> None:
        self.values = values
        self.now = now
        self.asked: list[tuple[str, Window]] = []

    def query_range(self, expr: str, window: Window, step: timedelta) -> list[Mapping[str, Any]]:
        self.asked.append((expr, window))
        series: dict[str, list[list[object]]] = {}
        for instant in w.instants(window, step):
            for label, value in self.values(expr, instant, step).items():
                series.setdefault(label, []).append([int(instant.timestamp()), value])
        return [{"metric": {"series": s}, "values": points} for s, points in series.items()]

    def clock(self) -> datetime:
        return self.now


class MemoryStore:
    """Keep rows in a dictionary, as the real store keeps them in a table."""

    def __init__(self) -> None:
        self.rows: dict[Key, str] = {}
        self.entries: dict[tuple[str, str, Window], Entry] = {}
        self.live: dict[str, datetime] = {}
        # Set to make the process "die" between commit and verification.
        self.fail_verification = False
        self._lock = Lock()

    def ledger(self, group: str, records: Sequence[str], span: Window) -> list[Entry]:
        reach = timedelta(days=1)
        near = Window(span.start - reach, span.end + reach)
        return [
            entry
            for entry in self.entries.values()
            if (entry.group == group or entry.record in records) and entry.window.meet(near)
        ]

    def live_since(self) -> Mapping[str, datetime]:
        return dict(self.live)

    def write(self, batch: Batch, still_wanted: Callable[[Sequence[Entry]], bool]) -> Tally | None:
        with self._lock:
            if not still_wanted(self.ledger(batch.group, batch.cumulative, batch.span)):
                return None
            tally = Tally(Counter(), Counter(), Counter())
            for task, part in batch.parts:
                for series in part.series:
                    for second, value in zip(series.times, series.values, strict=True):
                        start = max(
                            (
                                p.start
                                for p in batch.partitions
                                if p.start <= EPOCH + timedelta(seconds=second)
                            ),
                            default=batch.partitions[0].start,
                        )
                        key = (second, series.tag_id, series.name, series.schema)
                        counts = tally.present if key in self.rows else tally.written
                        counts[start] += 1
                        self.rows.setdefault(key, value)
                self._put(Entry(task.rule.group, task.rule.key, task.record, task.step,
                                task.window, False))  # fmt: skip
            return tally

    def verify(self, batch: Batch, tally: Tally) -> None:
        if self.fail_verification:
            raise VerificationFailed("the test said so")
        for task, _ in batch.parts:
            self._put(Entry(task.rule.group, task.rule.key, task.record, task.step,
                            task.window, True))  # fmt: skip

    def _put(self, entry: Entry) -> None:
        self.entries[entry.group, entry.rule, entry.window] = entry

    def total(self) -> int:
        """Return the sum of all values."""
        return sum(int(value) for value in self.rows.values())
