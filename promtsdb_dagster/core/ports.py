"""What a backfill needs from the outside, and what it hands over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
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
    # True where the window had no rows before, so nothing was compared row by row.
    direct: bool = False


class Source(Protocol):
    """Answer range queries; adapters.prometheus is the real one."""

    def query_range(self, expr: str, window: Window, step: timedelta) -> list[Mapping[str, Any]]:
        """Return the series at the multiples of step that the window holds."""

    def clock(self) -> datetime:
        """Return the source's now."""


@dataclass(frozen=True)
class Batch:
    """Hold what one unit fetched, to be written in one transaction."""

    group: str
    span: Window
    partitions: tuple[Window, ...]
    # Of the whole group, as the plan was made from: it is made anew in the transaction.
    cumulative: tuple[str, ...]
    # Retries log what they are called with.
    parts: tuple[Part, ...] = field(repr=False)
    run_id: str


class Store(Protocol):
    """Keep rows and the ledger; adapters.writer is the real one."""

    def ledger(self, group: str, records: Sequence[str], span: Window) -> list[Entry]:
        """Return the entries of a group, or of these records in any group, that meet the span."""

    def live_since(self) -> Mapping[str, datetime]:
        """Return the first live instant of each cumulative metric that has one."""

    def write(self, batch: Batch, still_wanted: Callable[[Sequence[Entry]], bool]) -> Tally | None:
        """Commit rows, tags and ledger entries as one; None, and nothing, if the plan is stale.

        Safe to repeat. The entries count as unverified until `verify`.
        """

    def verify(self, batch: Batch, tally: Tally) -> None:
        """Compare what is stored with the batch and mark its entries, or raise."""
