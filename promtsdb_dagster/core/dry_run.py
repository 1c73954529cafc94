"""Say what a backfill would do, by doing it with a store that writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.backfill import Backfill
from promtsdb_dagster.core.plan import LIVE, Policy
from promtsdb_dagster.core.planner import EVERYTHING, Only, numbered, units_of
from promtsdb_dagster.core.replacing import Replacing
from promtsdb_dagster.core.report import PartitionReport, Progress, Report
from promtsdb_dagster.core.rules import RuleGroup
from promtsdb_dagster.core.samples import Routing
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.errors import LossRefused


@dataclass(frozen=True)
class DoneEntry:
    """Hold one verified line of the ledger and how many rows the source had for it."""

    group: str
    rule: str
    record: str
    step: timedelta
    window: Window
    rows: int


class DoneRows(Protocol):
    """Know what is done; adapters.dry_run is the real one."""

    def done(self, group: str, records: Sequence[str], span: Window) -> Sequence[DoneEntry]:
        """Return the verified entries that meet a span: of a group, or of records in any."""


@dataclass(frozen=True)
class PartitionEstimate:
    """Hold what a run would do for one partition; the report says `written` for `would write`."""

    report: PartitionReport
    # Of the rows that the source has for it, how many the ledger holds as done.
    rows_done: int

    @property
    def rows_to_fetch(self) -> int:
        """Return the rows that the source would be asked for."""
        return self.report.rows_written + self.report.rows_present

    @property
    def rows_expected(self) -> int:
        """Return all rows of the partition, done or not."""
        return self.rows_done + self.rows_to_fetch


@dataclass(frozen=True)
class Estimate:
    """Hold what a run would do, and why it would fail, if it would."""

    partitions: tuple[PartitionEstimate, ...]
    # How many units of work would go side by side.
    workers: int
    refusal: str = ""

    def total(self, count: Callable[[PartitionEstimate], int]) -> int:
        """Return a sum over all partitions."""
        return sum(map(count, self.partitions))

    @property
    def is_exact(self) -> bool:
        """Return whether every row was counted, none estimated."""
        return all(part.report.asked for part in self.partitions)


@dataclass(frozen=True)
class Measured:
    """Hold rows that were moved and the seconds that it took, added up over all workers."""

    rows: int
    seconds: float
    partitions: int


@dataclass(frozen=True)
class Duration:
    """Hold how long a run would take, and where that was measured."""

    seconds: float
    rows_per_second: float
    basis: str


class DryRun:
    """Estimate backfills and replacements; the stores of both are read-only."""

    def __init__(
        self,
        backfill: Backfill,
        replacing: Replacing,
        ledger: DoneRows,
        groups: Mapping[str, RuleGroup],
        routing: Routing,
        policy: Policy,
    ) -> None:
        self._backfill = backfill
        self._replacing = replacing
        self._ledger = ledger
        self._groups = groups
        self._routing = routing
        self._policy = policy

    def check_clock(self, now: datetime) -> None:
        """Raise ClockSkew when the source's clock is further off than the settling time."""
        self._backfill.check_clock(now)

    def fill(
        self,
        group: str,
        partitions: Sequence[Window],
        *,
        now: datetime,
        recheck: bool = False,
        only: Only = EVERYTHING,
        may_ask: Callable[[], bool] | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> Estimate:
        """Say what a backfill would write; raises what it would fail with.

        Once `may_ask` returns False the source is asked no more, and the rows of what is left
        are estimated from what is nearest in time.
        """
        report = self._backfill.run(
            group,
            partitions,
            now=now,
            recheck=recheck,
            only=only,
            on_progress=on_progress,
            may_ask=may_ask,
        )
        if report.error is not None:
            raise report.error
        parts = _with_unasked(report.partitions)
        done = {} if recheck else self._done(group, parts, only)
        estimates = tuple(PartitionEstimate(part, done.get(part.window, 0)) for part in parts)
        busy = [part.window for part in parts if part.instants]
        units = units_of(busy, self._groups[group].step, self._policy.instants_per_unit)
        return Estimate(estimates, max(1, min(self._policy.concurrency, len(units))))

    def replace(
        self,
        group: str,
        partitions: Sequence[Window],
        *,
        now: datetime,
        only: Only,
        accept_loss: bool = False,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> Estimate:
        """Say what a replacement would delete and write, and where it would be refused."""
        report: Report = self._replacing.run(
            group,
            partitions,
            now=now,
            only=only,
            accept_loss=accept_loss,
            on_progress=on_progress,
        )
        if report.error is not None and not isinstance(report.error, LossRefused):
            raise report.error
        estimates = tuple(PartitionEstimate(part, 0) for part in report.partitions)
        return Estimate(estimates, 1, str(report.error or ""))

    def _done(self, group: str, parts: Sequence[PartitionReport], only: Only) -> dict[Window, int]:
        rules = numbered(self._groups[group].rules)
        chosen = {
            record: rule
            for record, rule in rules.items()
            if not only.records or record in only.records
        }
        totals = [
            r for r, rule in chosen.items() if rule.record.lower() in self._routing.cumulative
        ]
        keys = {rule.key for record, rule in chosen.items() if record not in totals}
        step = self._groups[group].step
        span = Window(parts[0].window.start, parts[-1].window.end)
        entries = [
            entry
            for entry in self._ledger.done(group, totals, span)
            if (entry.group == group and entry.rule in keys and entry.step == step)
            # The minutes of hours that were begun belong to the group of whole hours as well.
            or (entry.record in totals and (group != LIVE or entry.group == LIVE))
        ]
        done: dict[Window, int] = {}
        for part in parts:
            asked = w.intersect([part.window], only.windows) if only.windows else [part.window]
            done[part.window] = sum(
                _rows_in(entry, window)
                for entry in entries
                for window in w.intersect([entry.window], asked)
            )
        return done


def _rows_in(entry: DoneEntry, window: Window) -> int:
    """Return the entry's share of rows; the shares of windows that tile it add up to them."""
    instants = w.count_instants(entry.window, entry.step)
    upto = [
        entry.rows * w.count_instants(before, entry.step) // instants if before and instants else 0
        for before in (
            w.between(entry.window.start, window.start),
            w.between(entry.window.start, window.end),
        )
    ]
    return upto[1] - upto[0]


def _with_unasked(parts: Sequence[PartitionReport]) -> list[PartitionReport]:
    """Give partitions that were only planned the rows of the nearest one that was asked."""
    asked = [part for part in parts if part.asked and part.instants]
    return [
        part if part.asked or not part.instants or not asked else _like(part, asked)
        for part in parts
    ]


def _like(part: PartitionReport, asked: Sequence[PartitionReport]) -> PartitionReport:
    near = min(asked, key=lambda other: abs(other.window.start - part.window.start))
    share = part.instants / near.instants
    return replace(
        part,
        rows_written=round(near.rows_written * share),
        rows_present=round(near.rows_present * share),
    )


def duration(estimate: Estimate, earlier: Measured | None, asset: str) -> Duration:
    """Return how long the run would take by what was measured."""
    rows = estimate.total(lambda part: part.rows_to_fetch)
    if earlier and earlier.rows and earlier.seconds:
        rate = earlier.rows / earlier.seconds * estimate.workers
        noun = "partition" if earlier.partitions == 1 else "partitions"
        return Duration(
            rows / rate,
            rate,
            f"measured in the latest {earlier.partitions} {noun} of {asset} that moved rows "
            f"({earlier.rows:,} rows in {earlier.seconds:.1f} s of work), "
            f"{estimate.workers} at once",
        )
    asked = [part for part in estimate.partitions if part.report.asked]
    seconds = sum(part.report.seconds for part in asked)
    counted = sum(part.rows_to_fetch for part in asked)
    if not counted or not seconds:
        return Duration(seconds / estimate.workers, 0.0, "measured now: no rows to fetch")
    rate = counted / seconds * estimate.workers
    return Duration(
        rows / rate,
        rate,
        f"measured now by fetching {counted:,} rows and comparing them; no partition of {asset} "
        "was materialized yet that says how long writing takes, so it comes on top",
    )
