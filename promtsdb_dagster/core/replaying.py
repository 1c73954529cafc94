"""Let vmalert's replay produce the rows of a batch, and believe only what is stored afterwards."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import yaml

from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.ports import Batch, Known, Part, Question, Store, Tally
from promtsdb_dagster.core.rules import Rule
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.errors import VerificationFailed

# What is on its way at once: it must fit into Telegraf's buffer beside the live rows, as a full
# buffer drops the oldest of either.
ROWS_AT_ONCE = 50_000
# Under the 11,000 that Prometheus allows.
INSTANTS_AT_ONCE = 10_000
_SHORTEST_PAUSE_SECONDS = 0.5
_MOST_RECORDS_NAMED = 8


@dataclass(frozen=True)
class Job:
    """Hold rules to be replayed together at every multiple of `step` that the window holds."""

    group: str
    step: timedelta
    window: Window
    rules: tuple[Rule, ...]

    def __str__(self) -> str:
        return f"{self.group} {self.window} every {self.step}"

    @property
    def instants(self) -> int:
        """Return how many instants are evaluated."""
        return w.count_instants(self.window, self.step)

    @property
    def first(self) -> datetime:
        """Return the first instant."""
        return w.ceil(self.window.start, self.step)

    @property
    def last(self) -> datetime:
        """Return the last instant."""
        return self.first + (self.instants - 1) * self.step

    def rule_file(self) -> str:
        """Return the rules as a file of one group, in vmalert's format."""
        rules = [
            {"record": rule.record, "expr": rule.expr}
            | ({"labels": dict(rule.labels)} if rule.labels else {})
            for rule in self.rules
        ]
        group = {
            "name": self.group,
            "interval": f"{self.step // timedelta(seconds=1)}s",
            "rules": rules,
        }
        document = {"groups": [group]}
        return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=10_000)


@dataclass(frozen=True)
class Ending:
    """Hold how vmalert ended, in words that follow "vmalert", and the end of its log."""

    how: str
    good: bool
    last_words: str = ""

    def __str__(self) -> str:
        return f"vmalert {self.how}" + (f": {self.last_words}" if self.last_words else "")


class Replayer(Protocol):
    """Run vmalert's replay; adapters.replay_process and defs.replay_docker are the real ones."""

    def replay(self, job: Job) -> Ending:
        """Replay a job to its end. Safe to repeat."""


@dataclass(frozen=True)
class Lacking:
    """Count what has not arrived: rows by the name of the metric, and series without tags."""

    rows: Counter[str] = field(default_factory=Counter)
    tags: int = 0

    def __bool__(self) -> bool:
        return bool(self.rows or self.tags)

    def __str__(self) -> str:
        named = [f"{name} {n}" for name, n in self.rows.most_common(_MOST_RECORDS_NAMED)]
        rest = len(self.rows) - len(named)
        if rest > 0:
            named.append(f"{rest} metrics more")
        rows = f"{self.rows.total()} rows ({', '.join(named)})" if named else "no rows"
        return f"{rows} and the tags of {self.tags} series" if self.tags else rows


class Reservations(Protocol):
    """Keep the ledger of rows that come by another road; adapters.reservations is the real one."""

    def reserve(self, batch: Batch, still_wanted: Callable[[Known], bool]) -> Tally | None:
        """Commit the unverified entries of a batch without its rows; None if the plan is stale."""

    def lacking(self, parts: Sequence[Part]) -> Lacking:
        """Count what of the parts is not stored now."""

    def confirm(self, batch: Batch, tally: Tally) -> None:
        """Compare what is stored with the batch and mark its entries, or raise."""


class ReplayedStore:
    """Be the store of a backfill whose rows vmalert and Telegraf bring.

    The entries come first, and unverified: from then on they count as covering their windows, so
    nobody counts a minute of a running total twice, and whoever runs the same partitions after a
    failure does exactly these windows again. They are marked when every row and every tag that
    the source has is stored; vmalert's exit status proves neither.
    """

    def __init__(
        self,
        store: Store,
        reservations: Reservations,
        replayer: Replayer,
        patience: timedelta,
        *,
        rows_at_once: int = ROWS_AT_ONCE,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = store
        self._reservations = reservations
        self._replayer = replayer
        self._patience = patience
        self._rows_at_once = rows_at_once
        self._clock = clock
        self._sleep = sleep

    def session(self) -> AbstractContextManager[None]:
        """Keep connections open between calls, to be closed at the end."""
        return self._store.session()

    def known(self, question: Question) -> Known:
        """Return what a plan is made from, as of now."""
        return self._store.known(question)

    def write(self, batch: Batch, still_wanted: Callable[[Known], bool]) -> Tally | None:
        """Have the rows of a batch brought; None, and nothing, if the plan is stale.

        Safe to repeat. Raises VerificationFailed when they are not there in time.
        """
        tally = self._reservations.reserve(batch, still_wanted)
        if tally is None:
            return None
        for portion in portions(batch.parts, self._rows_at_once):
            parts = [part for _, piece in portion for part in piece]
            if not self._reservations.lacking(parts):
                continue
            endings = [self._replayer.replay(job) for job, _ in portion]
            self._await(parts, [job for job, _ in portion], endings)
            tally.remarks += [
                f"{ending}; every row of {job} is stored nevertheless"
                for (job, _), ending in zip(portion, endings, strict=True)
                if not ending.good
            ]
        return tally

    def verify(self, batch: Batch, tally: Tally) -> None:
        """Compare what is stored with the batch and mark its entries, or raise."""
        self._reservations.confirm(batch, tally)

    def _await(self, parts: Sequence[Part], jobs: Sequence[Job], endings: Sequence[Ending]) -> None:
        deadline = self._clock() + self._patience.total_seconds()
        while True:
            asked = self._clock()
            lacking = self._reservations.lacking(parts)
            if not lacking:
                return
            now = self._clock()
            if now >= deadline:
                break
            # Counting may take a while too; it must not keep the database busy.
            pause = max(_SHORTEST_PAUSE_SECONDS, 2 * (now - asked))
            self._sleep(min(pause, deadline - now))
        rows = sum(part.rows for _, part in parts)
        ends = "; ".join(dict.fromkeys(map(str, endings)))
        raise VerificationFailed(
            f"of {rows} rows that the source has for {', '.join(map(str, jobs))}, {lacking} did "
            f"not arrive within {self._patience.total_seconds():.0f} s after the replay, wanted "
            f"all of them; {ends}; look at Telegraf's log and at internal.refused_row, then run "
            "the same partitions again: with `writer: direct` they are completed without vmalert"
        )


def portions(
    parts: Sequence[Part], rows_at_once: int = ROWS_AT_ONCE
) -> Iterator[list[tuple[Job, list[Part]]]]:
    """Yield what is replayed before the next wait: jobs, each with the rows that it must bring."""
    portion: list[tuple[Job, list[Part]]] = []
    rows = 0
    for job, pieces in _jobs(parts, rows_at_once):
        more = sum(part.rows for _, part in pieces)
        if portion and rows + more > rows_at_once:
            yield portion
            portion, rows = [], 0
        portion.append((job, pieces))
        rows += more
    if portion:
        yield portion


def _jobs(parts: Sequence[Part], rows_at_once: int) -> Iterator[tuple[Job, list[Part]]]:
    together: dict[tuple[str, timedelta, Window], list[Part]] = {}
    for task, part in parts:
        # A rule that has no rows here is not asked for them.
        if part.rows:
            together.setdefault((task.rule.group, task.step, task.window), []).append((task, part))
    for (group, step, window), members in together.items():
        instants = w.count_instants(window, step)
        cuts = -(-sum(part.rows for _, part in members) // rows_at_once)
        size = min(max(1, instants // cuts), INSTANTS_AT_ONCE) * step
        for piece in w.split(window, size, w.ceil(window.start, step)):
            inside = [(task, part.within(piece)) for task, part in members]
            filled = [(task, part) for task, part in inside if part.rows]
            if filled:
                yield Job(group, step, piece, tuple(task.rule for task, _ in filled)), filled
