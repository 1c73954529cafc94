"""What a replacement hands to the store, and what it asks of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Protocol

from promtsdb_dagster.core.ports import Known, Part
from promtsdb_dagster.core.samples import Converted, Series
from promtsdb_dagster.core.windows import Window


@dataclass(frozen=True)
class Exchange:
    """Hold what takes the place of all rows of some metrics in a window."""

    # Lower-cased, as they are stored.
    names: tuple[str, ...]
    window: Window
    # What the source says of each task; each becomes an entry of the ledger.
    parts: tuple[Part, ...] = field(repr=False)
    # The same, each row once.
    rows: tuple[Part, ...] = field(repr=False)
    # How many rows of a task are `written`, and how many `present` as a finer one has them.
    per_task: tuple[Counter[str], ...] = field(repr=False)
    is_cumulative: bool
    accept_loss: bool
    run_id: str


@dataclass(frozen=True)
class Exchanged:
    """Count what one exchange did."""

    deleted: int
    written: int
    # Instants that had rows before and have none now.
    lost: int


class ReplacingStore(Protocol):
    """Exchange rows and ledger entries; adapters.replacing is the real one."""

    def session(self) -> AbstractContextManager[None]:
        """Keep what is opened for a call open for the next, until the end."""

    def known_of(self, names: Sequence[str], window: Window) -> Known:
        """Return the entries of metrics in all groups, live starts, and unexplained rows."""

    def exchange(
        self, exchange: Exchange, still_wanted: Callable[[Known], bool]
    ) -> Exchanged | None:
        """Exchange rows and entries as one, verified; None, and nothing, if the plan is stale.

        Raises LossRefused, with nothing done, where an instant would be left without rows.
        """


def each_row_once(parts: Sequence[Part]) -> tuple[tuple[Part, ...], tuple[Counter[str], ...]]:
    """Leave each row to the task of the finest step that has it, and count what each keeps.

    Finer rows come first: live ones at once, those of a coarse group when the week is over.
    """
    taken: defaultdict[tuple[str, str, int], set[int]] = defaultdict(set)
    kept: dict[int, Converted] = {}
    for index in sorted(range(len(parts)), key=lambda index: parts[index][0].step):
        kept[index] = Converted([s for s in map(_rest(taken), parts[index][1].series) if s])
    rows = tuple((task, kept[index]) for index, (task, _) in enumerate(parts))
    counts = tuple(
        Counter(written=kept[index].rows, present=part.rows - kept[index].rows)
        for index, (_, part) in enumerate(parts)
    )
    return rows, counts


def _rest(
    taken: defaultdict[tuple[str, str, int], set[int]],
) -> Callable[[Series], Series | None]:
    def rest(series: Series) -> Series | None:
        seen = taken[series.name, series.schema, series.tag_id]
        left = [n for n, second in enumerate(series.times) if second not in seen]
        seen.update(series.times)
        if len(left) == len(series.times):
            return series
        if not left:
            return None
        return replace(
            series,
            times=[series.times[n] for n in left],
            values=[series.values[n] for n in left],
        )

    return rest
