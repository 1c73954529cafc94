"""A source and a store in memory, for tests of what is decided between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Lock
from typing import Any

from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.plan import Entry
from promtsdb_dagster.core.ports import Batch, Known, Question, Stray, Tally
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

    def known(self, question: Question) -> Known:
        reach = timedelta(days=1)
        near = Window(question.span.start - reach, question.span.end + reach)
        entries = [
            entry
            for entry in self.entries.values()
            if (entry.group == question.group or entry.record in question.cumulative)
            and entry.window.meet(near)
        ]
        return Known(entries, dict(self.live), self._strays(question, near))

    def covers(self, name: str, instant: datetime) -> bool:
        """Say whether an entry stands for a moment of a metric."""
        return any(
            entry.record == name
            and w.ceil(entry.window.start, entry.step) - entry.step < instant
            and instant <= w.ceil(entry.window.end, entry.step) - entry.step
            for entry in self.entries.values()
        )

    def receive_live(self, key: Key, value: str, now: datetime) -> None:
        """Take a live row of a cumulative metric as the staging trigger does."""
        instant = EPOCH + timedelta(seconds=key[0])
        name = key[2]
        with self._lock:
            if self.covers(name, instant):
                return
            self.rows.setdefault(key, value)
            if instant > now - timedelta(minutes=10):
                self.live[name] = min(instant, self.live.get(name, instant))

    def _strays(self, question: Question, near: Window) -> list[Stray]:
        sums: Counter[tuple[str, datetime]] = Counter()
        for (second, _, name, _), value in self.rows.items():
            sums[name, EPOCH + timedelta(seconds=second)] += int(value)
        return sorted(
            Stray(name, instant, Decimal(value))
            for (name, instant), value in sums.items()
            if name in question.cumulative
            and instant in near
            and not (name in self.live and instant >= self.live[name])
            and not self.covers(name, instant)
        )

    def session(self) -> AbstractContextManager[None]:
        return nullcontext()

    def write(self, batch: Batch, still_wanted: Callable[[Known], bool]) -> Tally | None:
        with self._lock:
            if not still_wanted(self.known(batch.question)):
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
