"""A run does its units, reports by partition, and stops at the first failure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from promtsdb_dagster.core.backfill import Backfill
from promtsdb_dagster.core.plan import Policy
from promtsdb_dagster.core.report import Progress
from promtsdb_dagster.core.rules import Rule, RuleGroup
from promtsdb_dagster.core.samples import Routing
from promtsdb_dagster.core.windows import EPOCH, Window
from promtsdb_dagster.errors import SourceUnavailable, VerificationFailed
from tests.doubles.memory import MemorySource, MemoryStore

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START = EPOCH + 20_000 * DAY
NOW = START + 10 * DAY
GROUP = RuleGroup("gauges", HOUR, (Rule("gauges", "height", "height", {}, "f", 1),), "f")
DAYS = [Window(START + n * DAY, START + (n + 1) * DAY) for n in range(4)]


def five_series(expr: str, instant: datetime, step: timedelta) -> Mapping[str, str]:
    return {f"s{n}": str(n) for n in range(5)}


class BrokenSource(MemorySource):
    """Answer until a moment of history, and then never again."""

    broken_from = NOW

    def query_range(self, expr: str, window: Window, step: timedelta) -> list[Mapping[str, Any]]:
        if window.end > self.broken_from:
            raise SourceUnavailable("the test said so")
        return super().query_range(expr, window, step)


def backfill(source: MemorySource, store: MemoryStore, **policy: int) -> Backfill:
    limits = Policy(history_start=START, concurrency=1, **policy)  # type: ignore[arg-type]
    return Backfill(source, store, {"gauges": GROUP}, Routing(), limits)


def test_an_answer_that_is_too_large_is_asked_for_in_halves() -> None:
    source, store = MemorySource(five_series, NOW), MemoryStore()

    report = backfill(source, store, rows_per_unit=40).run("gauges", DAYS, now=NOW)

    assert report.error is None
    assert len(store.rows) == 5 * 24 * len(DAYS)
    assert [part.rows_written for part in report.partitions] == [120] * len(DAYS)
    assert all(part.complete and part.series == 5 for part in report.partitions)
    # Eight hours of five series fit into 40 rows; half of half a day does.
    assert min(window.duration for _, window in source.asked) == 6 * HOUR


def test_what_was_committed_before_a_failure_is_complete() -> None:
    source, store = BrokenSource(five_series, NOW), MemoryStore()
    source.broken_from = DAYS[1].end
    seen: list[Progress] = []

    report = backfill(source, store, instants_per_unit=24).run(
        "gauges", DAYS, now=NOW, on_progress=seen.append
    )

    assert isinstance(report.error, SourceUnavailable)
    assert [part.complete for part in report.partitions] == [True, True, False, False]
    assert [(each.done, each.total) for each in seen][-1] == (2, 4)

    source.broken_from = NOW
    again = backfill(source, store, instants_per_unit=24).run("gauges", DAYS, now=NOW)
    assert [part.found_done for part in again.partitions] == [True, True, False, False]
    assert len(store.rows) == 5 * 24 * len(DAYS)


def test_a_window_that_was_never_verified_is_done_again() -> None:
    source, store = MemorySource(five_series, NOW), MemoryStore()
    store.fail_verification = True
    report = backfill(source, store).run("gauges", DAYS, now=NOW)
    assert isinstance(report.error, VerificationFailed)
    assert not any(part.complete for part in report.partitions)

    store.fail_verification = False
    again = backfill(source, store).run("gauges", DAYS, now=NOW)

    assert [part.rows_present for part in again.partitions] == [120] * len(DAYS)
    assert [part.rows_written for part in again.partitions] == [0] * len(DAYS)


def test_a_plan_that_became_stale_is_made_again() -> None:
    source = MemorySource(five_series, NOW)

    class Rivalled(MemoryStore):
        """Let another run do the first day just before ours is written."""

        def write(self, batch: Any, still_wanted: Any) -> Any:
            if not self.entries:
                rival = backfill(source, rivals)
                assert rival.run("gauges", DAYS[:1], now=NOW).error is None
                self.entries.update(rivals.entries)
                self.rows.update(rivals.rows)
            return super().write(batch, still_wanted)

    rivals, store = MemoryStore(), Rivalled()

    report = backfill(source, store).run("gauges", DAYS, now=NOW)

    assert report.error is None
    assert [part.rows_written for part in report.partitions] == [0, 120, 120, 120]


def test_dropped_samples_are_counted_by_partition() -> None:
    def mostly_nan(expr: str, instant: datetime, step: timedelta) -> Mapping[str, str]:
        return {"s": "NaN" if instant < DAYS[1].start + HOUR else "1"}

    report = backfill(MemorySource(mostly_nan, NOW), MemoryStore()).run("gauges", DAYS, now=NOW)

    dropped: Sequence[int] = [part.dropped["NaN"] for part in report.partitions]
    assert dropped == [24, 1, 0, 0]
    assert [part.series for part in report.partitions] == [0, 1, 1, 1]


def test_a_partition_without_samples_is_asked_again_beside_full_ones() -> None:
    known = {DAYS[0], DAYS[2]}

    def some_days(expr: str, instant: datetime, step: timedelta) -> Mapping[str, str]:
        return {"s": "1"} if any(instant in day for day in known) else {}

    source, store = MemorySource(some_days, NOW), MemoryStore()
    first = backfill(source, store).run("gauges", DAYS, now=NOW)

    assert [len(part.windows) for part in first.partitions] == [1, 0, 1, 0]
    assert "asked again next time" in first.partitions[1].skipped[0]
    assert all(part.complete for part in first.partitions)

    known.add(DAYS[1])
    again = backfill(source, store).run("gauges", DAYS, now=NOW)

    assert [part.rows_written for part in again.partitions] == [0, 24, 0, 0]
    assert [part.found_done for part in again.partitions] == [True, False, True, False]


def test_what_is_written_names_itself_without_its_rows() -> None:
    """Whatever tries a write again logs its arguments: half a million rows are no log line."""
    source, batches, plans = MemorySource(five_series, NOW), [], []

    class Watched(MemoryStore):
        def write(self, batch: Any, still_wanted: Any) -> Any:
            batches.append(batch)
            plans.append(still_wanted)
            return super().write(batch, still_wanted)

    assert backfill(source, Watched()).run("gauges", DAYS, now=NOW).error is None

    assert "gauges" in repr(batches[0])
    assert len(repr(batches[0])) < 1_000
    assert len(repr(plans[0])) < 100
