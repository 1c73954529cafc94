"""Scripted stand-ins for the adapters; they record what they were asked."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

from promtsdb_dagster.adapters.audit_buckets import BucketReport
from promtsdb_dagster.adapters.housekeeping import ExpiredReport, RecentReport, Refreshed
from promtsdb_dagster.adapters.services import Endpoints, Services
from promtsdb_dagster.adapters.unused_tags import TagReport
from promtsdb_dagster.core.bucket_check import Compared
from promtsdb_dagster.core.coverage import HOUR, Coverage, Row, State
from promtsdb_dagster.core.doubles import Totals
from promtsdb_dagster.core.dry_run import Estimate, PartitionEstimate
from promtsdb_dagster.core.freshness import Newest
from promtsdb_dagster.core.gaps import LiveState
from promtsdb_dagster.core.ledger_check import Counted, Counts
from promtsdb_dagster.core.live_check import LiveReport
from promtsdb_dagster.core.migrations import Engine
from promtsdb_dagster.core.orphans import Looked, Noted
from promtsdb_dagster.core.plan import Policy
from promtsdb_dagster.core.planner import EVERYTHING, Only
from promtsdb_dagster.core.policies import Upkeep
from promtsdb_dagster.core.report import PartitionReport
from promtsdb_dagster.core.verdicts import Names, Verdict
from promtsdb_dagster.core.windows import Window

NOW = datetime(2026, 11, 18, 12, 0, tzinfo=timezone.utc)
START = datetime(2023, 5, 10, tzinfo=timezone.utc)


@dataclass
class FakeReport:
    """What a backfill would report: every partition complete, but those from `fails_at` on."""

    partitions: list[PartitionReport]
    error: Exception | None


@dataclass
class FakeBackfill:
    """Remember the runs; fail from one partition on when told to."""

    fails_at: datetime | None = None
    error: Exception | None = None
    skew: Exception | None = None
    runs: list[tuple[str, list[Window], bool]] = field(default_factory=list)
    kept_to: Only = EVERYTHING
    remarks: list[str] = field(default_factory=list)
    # Called in each run, as a replay is.
    replay: Callable[[], None] | None = None
    writes: int = 10

    def check_clock(self, now: datetime) -> None:
        if self.skew:
            raise self.skew

    def run(
        self,
        group: str,
        partitions: Sequence[Window],
        *,
        now: datetime,
        recheck: bool,
        only: Only,
        run_id: str,
        on_progress: Callable[[Any], None],
    ) -> FakeReport:
        self.kept_to = only
        self.runs.append((group, sorted(partitions), recheck))
        if self.replay:
            self.replay()
        reports = []
        for window in sorted(partitions):
            complete = self.fails_at is None or window.end <= self.fails_at
            report = PartitionReport(window, complete=complete)
            if complete:
                report.windows = [window]
                report.rows_written = self.writes
                report.skipped = ["older than the retention of 365 days: all of it"]
                report.remarks = self.remarks
            reports.append(report)
        return FakeReport(reports, self.error)


@dataclass
class FakeDryRun:
    """Foretell ten rows of each partition, three of them done; remember what was asked."""

    asked: list[dict[str, Any]] = field(default_factory=list)
    refusal: str = ""
    # Seconds that asking the source took, for each partition.
    seconds: float = 0.5

    def check_clock(self, now: datetime) -> None:
        pass

    def fill(self, group: str, partitions: Sequence[Window], **wanted: Any) -> Estimate:
        return self._estimate(partitions, {"group": group, **wanted}, deleted=0)

    def replace(self, group: str, partitions: Sequence[Window], **wanted: Any) -> Estimate:
        return self._estimate(partitions, {"group": group, **wanted}, deleted=6)

    def _estimate(
        self, partitions: Sequence[Window], wanted: dict[str, Any], deleted: int
    ) -> Estimate:
        self.asked.append(wanted)
        parts = [
            PartitionReport(
                window,
                windows=[window],
                rules=2,
                queries=2,
                instants=20,
                rows_written=5,
                rows_present=2,
                rows_deleted=deleted,
                skipped=["older than the retention of 365 days: a part"],
                seconds=self.seconds,
            )
            for window in sorted(partitions)
        ]
        return Estimate(tuple(PartitionEstimate(part, 3) for part in parts), 2, self.refusal)


@dataclass
class FakeAggregates:
    """Remember the refreshes and hold pending changes."""

    changes: list[tuple[str, Window, str, datetime]] = field(default_factory=list)
    refreshed: list[tuple[str, Window, bool]] = field(default_factory=list)

    def pending(self) -> list[tuple[str, Window, str, datetime]]:
        return self.changes

    def refresh(
        self,
        aggregate: str,
        window: Window,
        *,
        only_changed: bool = False,
        rebuild: bool = False,
        on_progress: Callable[[Window, int, int], None],
    ) -> Any:
        on_progress(window, 1, 1)
        self.refreshed.append((aggregate, window, only_changed))
        return SimpleNamespace(
            asked=window,
            refreshed=(window,),
            below_floor=None,
            buckets=7,
            seconds=0.1,
            engine="postgresql",
        )


@dataclass
class FakeInventory:
    """Hold the state of a database."""

    migrated: bool = True
    empty: bool = True
    database: str = "one"
    waiting: int = 0
    tables: list[Any] = field(default_factory=list)
    aggregates: list[Any] = field(default_factory=list)

    def is_migrated(self) -> bool:
        return self.migrated

    def is_ledger_empty(self) -> bool:
        return self.empty

    def identity(self) -> str:
        return self.database

    refusals: dict[str, int] = field(default_factory=dict)
    live_since: datetime | None = None

    def live_mark(self) -> datetime | None:
        return self.live_since

    def staged(self, schema: str) -> int:
        return self.waiting

    def refused(self, schema: str) -> dict[str, int]:
        return self.refusals

    def stored(self) -> list[Any]:
        return self.tables

    def stored_buckets(self) -> list[Any]:
        return self.aggregates


@dataclass
class FakeMigrator:
    """Apply versions in memory."""

    migrations: Sequence[Any] = ()
    version: int = 0
    error: Exception | None = None

    def status(self) -> Any:
        if self.error:
            raise self.error
        pending = tuple(m for m in self.migrations if m.version > self.version)
        return SimpleNamespace(
            engine="postgresql",
            version=self.version,
            dirty=False,
            pending=pending,
            too_new=None,
        )

    def up(self, to: int) -> list[Any]:
        if self.error:
            raise self.error
        done = [m for m in self.migrations if self.version < m.version <= to]
        self.version = max(self.version, to)
        return done


@dataclass
class FakeStaging:
    """Drain nothing."""

    def drain(self, schema: str) -> Any:
        return SimpleNamespace(metrics_moved=3, tags_moved=2, left=0)


@dataclass
class FakeLive:
    """Be the comparison of live rows and what is remembered of it."""

    state: LiveState = field(default_factory=lambda: LiveState({}, {}, {}, []))
    report: LiveReport = field(default_factory=LiveReport)
    error: Exception | None = None

    def live_state(self) -> LiveState:
        if self.error:
            raise self.error
        return self.state

    def run(self, now: datetime, has_time: Callable[[], bool]) -> LiveReport:
        if self.error:
            raise self.error
        return self.report


@dataclass
class FakeHousekeeping:
    """Remember what was asked; on TimescaleDB there is nothing to do."""

    engine: Engine = "postgresql"
    error: Exception | None = None
    to_restore: int | None = 0
    upkeep_found: Upkeep = field(default_factory=lambda: Upkeep("postgresql"))
    calls: list[str] = field(default_factory=list)

    def _called(self, what: str) -> None:
        self.calls.append(what)
        if self.error:
            raise self.error

    def refresh_recent(self, *, at_most_seconds: float | None = None) -> RecentReport:
        self._called(f"refresh within {at_most_seconds} s")
        if self.engine == "timescaledb":
            return RecentReport(self.engine)
        return RecentReport(self.engine, (Refreshed("geo.latest_coords", 5, NOW),), ("cumsum.x",))

    def note_missed(self) -> list[str]:
        self._called("note")
        return ["geo.latest_coords"] if self.engine == "timescaledb" else []

    def drop_expired(self, on_progress: Callable[[int, datetime], None]) -> ExpiredReport:
        self._called("drop")
        if self.engine == "timescaledb":
            return ExpiredReport(self.engine)
        on_progress(4, NOW)
        return ExpiredReport(self.engine, 4, NOW, complete=False)

    def drop_old_notes(self) -> dict[str, int]:
        self._called("notes")
        return {"aggregate_change": 2}

    def restore(self, *, at_most_seconds: float | None = None) -> int | None:
        self._called(f"restore within {at_most_seconds} s")
        return self.to_restore

    def tidy(self, on_progress: Callable[[str, int, int, int], None]) -> TagReport:
        self._called("tidy")
        on_progress("internal back to 2026-01-01", 3, 1, 2)
        return TagReport(10, 3, 1, 0, 0, 0, postponed=2)

    def upkeep(self, now: datetime) -> Upkeep:
        self._called("look")
        return self.upkeep_found


@dataclass
class FakeAudit:
    """Be every audit; find nothing wrong, or what a test says."""

    names: Names = field(default_factory=lambda: Names(frozenset({"up"})))
    noted: list[Noted] = field(default_factory=list)
    found: Totals = field(default_factory=lambda: Totals((), 10, 1, 5, {}))
    live: list[Newest] = field(default_factory=lambda: [Newest("up", NOW)])
    counts: Counts = field(default_factory=lambda: Counts(3, 30))
    compared: list[Compared] = field(default_factory=list)
    schema: Verdict = field(default_factory=lambda: Verdict("at version 1"))
    asked: list[str] = field(default_factory=list)
    error: Exception | None = None

    def _called(self, what: str) -> None:
        self.asked.append(what)
        if self.error:
            raise self.error

    def orphans(self, now: datetime, rng: Random) -> tuple[list[Noted], list[Looked]]:
        self._called("orphans")
        return self.noted, []

    def totals(self) -> Totals:
        self._called("totals")
        return self.found

    def newest(self, now: datetime) -> list[Newest]:
        self._called("newest")
        return self.live

    def ledger(self, group: str, now: datetime, rng: Random) -> tuple[Counts, list[Counted]]:
        self._called(group)
        return self.counts, []

    def compare(self, aggregate: str, now: datetime, rng: Random) -> BucketReport:
        self._called(aggregate)
        return BucketReport(self.compared, ())

    def judge(self) -> Verdict:
        self._called("schema")
        return self.schema


@dataclass
class FakeCoverage:
    """Find three hours of one metric stored and one missing; remember what was asked."""

    asked: list[tuple[Window, bool]] = field(default_factory=list)

    def run(self, span: Window, now: datetime, *, most_columns: int, trim: bool) -> Coverage:
        self.asked.append((span, trim))
        kinds = Counter({(State.STORED, HOUR): 3, (State.MISSING, None): 1})
        return Coverage(span, (span,), (Row("common", "up", (kinds,)),))


class FakeProject:
    """Give out the scripted adapters."""

    def __init__(self) -> None:
        self.clock = NOW
        self.engine = FakeBackfill()
        self.foreteller = FakeDryRun()
        self.refresher = FakeAggregates()
        self.state = FakeInventory()
        self.schema = FakeMigrator()
        self.endpoints = Endpoints()
        self.keeper = FakeHousekeeping()
        self.live = FakeLive()
        self.audit = FakeAudit()
        self.survey = FakeCoverage()
        self.picture = Path(os.devnull)

    def now(self) -> datetime:
        return self.clock

    def policy(self) -> Policy:
        return Policy(history_start=START, retention=timedelta(days=365))

    def backfill(self) -> Any:
        return self.engine

    def dry_run(self) -> Any:
        return self.foreteller

    def live_rows(self) -> Any:
        return self.live

    def live_check(self) -> Any:
        return self.live

    def migrator(self) -> Any:
        return self.schema

    def aggregates(self) -> Any:
        return self.refresher

    def staging(self) -> Any:
        return FakeStaging()

    def inventory(self) -> Any:
        return self.state

    def housekeeping(self) -> Any:
        return self.keeper

    def unused_tags(self) -> Any:
        return self.keeper

    def policies(self) -> Any:
        return self.keeper

    def services(self) -> Services:
        return Services(self.endpoints, timeout_seconds=2)

    def row_audit(self) -> Any:
        return self.audit

    def bucket_audit(self) -> Any:
        return self.audit

    def schema_audit(self) -> Any:
        return self.audit

    def coverage(self) -> Any:
        return self.survey

    def coverage_file(self) -> Path:
        return self.picture
