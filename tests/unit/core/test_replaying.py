"""What vmalert is asked to replay, in which portions, and how long its rows are waited for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.plan import Task
from promtsdb_dagster.core.ports import Batch, Known, Part, Question, Tally
from promtsdb_dagster.core.replaying import (
    Ending,
    Job,
    Lacking,
    ReplayedStore,
    portions,
)
from promtsdb_dagster.core.rules import Rule, parse_rule_file
from promtsdb_dagster.core.samples import Converted, Series
from promtsdb_dagster.core.windows import EPOCH, Window
from promtsdb_dagster.errors import VerificationFailed
from tests.doubles.memory import MemoryStore

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
START = EPOCH + 20_000 * DAY
WINDOW = Window(START, START + DAY)


def rule(record: str, group: str = "gauges", labels: dict[str, str] | None = None) -> Rule:
    return Rule(group, record, f'{record}{{a="b\'c é"}} > 0', labels or {}, "f", 1)


def part(record: str, window: Window = WINDOW, step: timedelta = HOUR, series: int = 1) -> Part:
    """Return a task with rows of `series` series at each of its instants."""
    times = [int(instant.timestamp()) for instant in w.instants(window, step)]
    rows = [
        Series(record, "common", n, {"n": str(n)}, times, ["1"] * len(times)) for n in range(series)
    ]
    return Task(window, rule(record), step, record), Converted(rows)


def jobs_of(parts: Sequence[Part], rows_at_once: int = 1_000_000) -> list[Job]:
    return [job for portion in portions(parts, rows_at_once) for job, _ in portion]


def test_a_rule_file_says_what_the_rules_say() -> None:
    rules = (rule("a", labels={"tier": "gold"}), rule("b"))
    job = Job("gauges", HOUR, WINDOW, rules)

    [group] = parse_rule_file(job.rule_file(), "written")

    assert (group.name, group.step) == ("gauges", HOUR)
    assert [each.key for each in group.rules] == [each.key for each in rules]
    assert [each.expr for each in group.rules] == [each.expr for each in rules]


def test_a_job_runs_from_its_first_instant_to_its_last() -> None:
    job = Job("gauges", HOUR, Window(START - MINUTE, START + 3 * HOUR), ())
    assert (job.first, job.last, job.instants) == (START, START + 2 * HOUR, 3)


def test_rules_of_one_window_and_step_are_one_job() -> None:
    """What has no rows is not asked for, since nobody could tell whether it came."""
    fine = Window(START + DAY, START + DAY + 5 * MINUTE)
    empty = (Task(WINDOW, rule("c"), HOUR, "c"), Converted())

    jobs = jobs_of([part("a"), part("b"), empty, part("a", fine, MINUTE)])

    assert [(job.window, job.step, [r.record for r in job.rules]) for job in jobs] == [
        (WINDOW, HOUR, ["a", "b"]),
        (fine, MINUTE, ["a"]),
    ]


@pytest.mark.parametrize("rows_at_once", [1, 7, 30, 47, 48, 1_000])
def test_portions_hold_every_row_once_and_no_more_than_allowed(rows_at_once: int) -> None:
    parts = [part("a"), part("b", series=2), part("c", Window(START + DAY, START + 2 * DAY))]

    found = list(portions(parts, rows_at_once))

    rows: Counter[tuple[str, int, int]] = Counter()
    for portion in found:
        size = 0
        for job, pieces in portion:
            for task, converted in pieces:
                assert task.rule in job.rules
                size += converted.rows
                for series in converted.series:
                    assert all(
                        job.first.timestamp() <= t <= job.last.timestamp() for t in series.times
                    )
                    rows.update((series.name, series.tag_id, time) for time in series.times)
        # One instant of all rules is never cut.
        assert size <= max(rows_at_once, 3)
    assert rows.total() == 96
    assert set(rows.values()) == {1}


def test_no_query_asks_for_more_points_than_prometheus_gives() -> None:
    long = Window(START, START + 30_000 * MINUTE)
    jobs = jobs_of([part("a", long, MINUTE)])
    assert [job.instants for job in jobs] == [10_000] * 3
    assert [job.first for job in jobs[1:]] == [job.last + MINUTE for job in jobs[:-1]]


class Script:
    """Be the ledger, vmalert and the clock: rows arrive as time passes."""

    def __init__(
        self, arriving: Callable[[float], int], ending: Ending, *, stale: bool = False
    ) -> None:
        self.arriving = arriving
        self.ending = ending
        self.stale = stale
        self.now = 0.0
        self.done: list[str] = []

    def reserve(self, batch: Batch, still_wanted: Callable[[Known], bool]) -> Tally | None:
        self.done.append("reserved")
        return None if self.stale else Tally()

    def lacking(self, parts: Sequence[Part]) -> Lacking:
        left = sum(converted.rows for _, converted in parts)
        if "replayed" in self.done:
            left -= self.arriving(self.now)
        return Lacking(Counter(a=left)) if left > 0 else Lacking()

    def replay(self, job: Job) -> Ending:
        self.done.append("replayed")
        return self.ending

    def confirm(self, batch: Batch, tally: Tally) -> None:
        self.done.append("confirmed")

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def run(script: Script) -> Tally | None:
    store = ReplayedStore(
        MemoryStore(), script, script, 10 * timedelta(seconds=1),
        clock=lambda: script.now, sleep=script.sleep,
    )  # fmt: skip
    question = Question("gauges", HOUR, WINDOW, (), MINUTE)
    batch = Batch(question, (WINDOW,), (part("a"),), "run")
    tally = store.write(batch, lambda _: True)
    if tally is not None:
        store.verify(batch, tally)
    return tally


GOOD = Ending("ended with status 0", True)


def test_windows_are_reserved_before_and_confirmed_after_the_replay() -> None:
    script = Script(lambda now: 24 if now >= 4 else 3, GOOD)
    tally = run(script)
    assert tally is not None
    assert tally.remarks == []
    assert script.done == ["reserved", "replayed", "confirmed"]
    assert 4 <= script.now < 10


def test_rows_that_do_not_come_in_time_are_counted() -> None:
    script = Script(lambda now: 3, GOOD)
    with pytest.raises(
        VerificationFailed, match=r"of 24 rows .* 21 rows \(a 21\) did not arrive within 10 s"
    ):
        run(script)
    assert script.done == ["reserved", "replayed"]
    assert script.now == 10


def test_a_bad_ending_with_all_rows_is_a_remark() -> None:
    tally = run(Script(lambda now: 24, Ending("ended with status 255", False, "no luck")))
    assert tally is not None
    [remark] = tally.remarks
    assert remark.startswith("vmalert ended with status 255: no luck; every row of gauges")


def test_a_stale_plan_replays_nothing() -> None:
    script = Script(lambda now: 24, GOOD, stale=True)
    assert run(script) is None
    assert script.done == ["reserved"]


def test_what_is_stored_already_is_not_replayed() -> None:
    script = Script(lambda now: 24, GOOD)
    script.done.append("replayed")
    assert run(script) is not None
    assert script.done.count("replayed") == 1


def test_a_long_list_of_metrics_is_cut() -> None:
    lacking = Lacking(Counter({f"m{n}": n for n in range(1, 12)}), tags=2)
    assert str(lacking).startswith("66 rows (m11 11, m10 10, ")
    assert str(lacking).endswith("m4 4, 3 metrics more) and the tags of 2 series")
