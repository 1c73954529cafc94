"""What a backfill needs from the outside, and what it hands over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

from promtsdb_dagster.core.plan import Entry, Task
from promtsdb_dagster.core.samples import Converted
from promtsdb_dagster.core.windows import Window

Part = tuple[Task, Converted]


@dataclass
class Tally:
    """Count what one transaction did, by the start of the partition."""

    written: Counter[datetime] = field(default_factory=Counter)
    present: Counter[datetime] = field(default_factory=Counter)
    differing: Counter[datetime] = field(default_factory=Counter)
    # Of a replacement: rows taken out, and instants for which none came back.
    deleted: Counter[datetime] = field(default_factory=Counter)
    lost: Counter[datetime] = field(default_factory=Counter)
    # True where the window had no rows before.
    direct: bool = False
    # True where nothing was written, as all rows were found as others had committed them.
    proven: bool = False
    # What a person should know although all is well.
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True, order=True)
class Stray:
    """Hold what is stored of a cumulative metric at an instant that no entry covers."""

    name: str
    instant: datetime
    # Of all series together.
    value: Decimal


@dataclass(frozen=True)
class Known:
    """Hold what a store knows about a span, all as of one moment."""

    entries: Sequence[Entry] = ()
    live_since: Mapping[str, datetime] = field(default_factory=dict)
    # From before the live start only, sorted.
    strays: Sequence[Stray] = ()


class Source(Protocol):
    """Answer range queries; adapters.prometheus is the real one."""

    def query_range(self, expr: str, window: Window, step: timedelta) -> list[Mapping[str, Any]]:
        """Return the series at the multiples of step that the window holds."""

    def clock(self) -> datetime:
        """Return the source's now."""


@dataclass(frozen=True)
class Question:
    """Say what a plan for a span of one group must know."""

    group: str
    step: timedelta
    span: Window
    # The numbered records of the whole group that are cumulative: all groups share their minutes.
    cumulative: tuple[str, ...]
    # The step of the live rows.
    fine_step: timedelta


@dataclass(frozen=True)
class Batch:
    """Hold what one unit fetched, to be written in one transaction."""

    question: Question
    partitions: tuple[Window, ...]
    # Retries log what they are called with.
    parts: tuple[Part, ...] = field(repr=False)
    run_id: str

    @property
    def group(self) -> str:
        """Return the name of the group."""
        return self.question.group

    @property
    def span(self) -> Window:
        """Return what the unit spans."""
        return self.question.span


class Store(Protocol):
    """Keep rows and the ledger; adapters.writer is the real one."""

    def session(self) -> AbstractContextManager[None]:
        """Keep what is opened for a call open for the next, until the end. Safe to nest."""

    def known(self, question: Question) -> Known:
        """Return what a plan is made from.

        The entries that meet the span, of the group or of its cumulative records in any group,
        and the live rows that no entry explains.
        """

    def write(self, batch: Batch, still_wanted: Callable[[Known], bool]) -> Tally | None:
        """Commit rows, tags and ledger entries as one; None, and nothing, if the plan is stale.

        `still_wanted` is asked inside the transaction, when nobody else can change the answer.
        Safe to repeat. The entries count as unverified until `verify`.
        """

    def verify(self, batch: Batch, tally: Tally) -> None:
        """Compare what is stored with the batch and mark its entries, or raise."""
