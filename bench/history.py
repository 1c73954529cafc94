"""From Prometheus to refreshed aggregates: ours, and vmalert's replay with Telegraf and staging.

The same Prometheus, the same hourly rules, the same windows. vmalert's replay runs with its default
flags, as in the predecessor, and also without its pauses and as parallel as it can. Ours is what
the assets do, without Dagster (its share is a topic of its own): plan, fetch, write, verify, then
refresh what was changed. The other way ends when every aggregate has been refreshed from the
beginning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import psycopg

from bench.chain import Programs, Telegraf, replay, running_telegraf
from bench.measuring import alternate, ratio, timed
from bench.predecessor import install, refresh_all
from bench.results import Result, at_least, told
from bench.source import Source, past, this_morning
from bench.statements import statement
from bench.world import Bench, Skipped
from promtsdb_dagster.adapters.aggregates import AGGREGATES
from promtsdb_dagster.core.windows import Window, split
from promtsdb_dagster.installation import install as installed
from promtsdb_dagster.settings import Settings

WEEK = timedelta(days=7)
_WANTED = 10.0
_ROUNDS = 3


def run(bench: Bench) -> Iterator[Result]:
    """Yield how many times as long the other way takes."""
    weeks = bench.size.pick(quick=2, full=52)
    # The week before today is not the hourly rules' but the quarter-hourly ones'.
    border = this_morning() - WEEK
    gauges = Window(border - (weeks - 1) * WEEK, border)
    totals = Window(gauges.start, border + WEEK)
    jobs = (("backfill_1y", gauges), ("backfill_forever", totals))
    source = past(bench)
    ours = _Ours(bench, source, jobs)
    try:
        programs = Programs.find()
    except Skipped as reason:
        bench.say(f"  without the comparison: {reason}")
        alternate({"ours": ours.once}, rounds=_ROUNDS, warm_up=0)
        yield ours.result()
        return
    hurried = _Theirs(bench, source, jobs, programs, hurry=True)
    found = alternate(
        {"ours": ours.once, "hurried": hurried.once},
        rounds=min(bench.rounds, _ROUNDS), warm_up=0,
    )  # fmt: skip
    yield ours.result()
    yield hurried.result("history.hurried", found["hurried"].median)
    against = ratio(found["hurried"], found["ours"])
    yield told("history.against_hurried", bench.engine, against, unit="times")
    if bench.size.pick(quick=True, full=False):
        # Two weeks are over before the ways have begun to differ.
        return
    # Once: most of it is the second that vmalert waits after each rule.
    shipped = _Theirs(bench, source, jobs, programs, hurry=False)
    seconds = shipped.once()
    yield shipped.result("history.predecessor", seconds)
    yield at_least(
        "history.against_predecessor", bench.engine, seconds / found["ours"].median, _WANTED,
        unit="times", rounds=1, rows_ours=ours.rows, rows_theirs=shipped.rows,
    )  # fmt: skip


class _Ours:
    """What the backfills and the refreshes do."""

    def __init__(self, bench: Bench, past: Source, jobs: Sequence[tuple[str, Window]]) -> None:
        self._bench, self._past, self._jobs = bench, past, jobs
        self.rows = 0
        self.seconds: dict[str, float] = {}

    def once(self) -> float:
        """Return the seconds of one round, in a new database."""
        url = self._bench.new_database()
        self.seconds = {"backfill_seconds": timed(lambda: self._backfill(url))}
        self.seconds["refresh_seconds"] = timed(lambda: self._refresh(url))
        self.rows = stored_rows(url)
        self._bench.drop(url)
        return sum(self.seconds.values())

    def result(self) -> Result:
        """Return what the latest round took."""
        seconds = sum(self.seconds.values())
        return told(
            "history.rows", self._bench.engine, self.rows / seconds, unit="rows/s",
            rows=self.rows, **self.seconds, **self._past.detail,
        )  # fmt: skip

    def _backfill(self, url: str) -> None:
        installation = installed(_settings(url, self._past, self._jobs))
        try:
            engine = installation.backfill()
            for group, window in self._jobs:
                report = engine.run(group, split(window, WEEK, window.start), now=_now())
                if report.error is not None:
                    raise report.error
        finally:
            installation.close()

    def _refresh(self, url: str) -> None:
        installation = installed(_settings(url, self._past, self._jobs))
        whole = Window(self._jobs[0][1].start, self._jobs[1][1].end)
        try:
            for schema, name, _ in AGGREGATES:
                installation.aggregates().refresh(f"{schema}.{name}", whole, only_changed=True)
        finally:
            installation.close()


class _Theirs:
    """The chain of the Compose-only pipeline: as it is shipped, or as fast as it loses nothing."""

    def __init__(
        self,
        bench: Bench,
        past: Source,
        jobs: Sequence[tuple[str, Window]],
        programs: Programs,
        *,
        hurry: bool,
    ) -> None:
        self._bench, self._past, self._jobs, self._programs = bench, past, jobs, programs
        self._hurry = hurry
        self.again = 0
        self.rows = 0
        self.seconds: dict[str, float] = {}

    def once(self) -> float:
        """Return the seconds of one round, in a new database."""
        url = self._bench.empty_database()
        install(self._bench.admin_url(url), self._bench.engine)
        with running_telegraf(self._programs, self._bench.admin_url(url)) as telegraf:
            self.seconds = {
                "replay_seconds": timed(lambda: self._replay(telegraf)),
                "telegraf_seconds_after": timed(telegraf.wait_until_written),
            }
        self.seconds["refresh_seconds"] = timed(
            lambda: refresh_all(self._bench.admin_url(url), self._bench.engine)
        )
        self.rows = stored_rows(self._bench.admin_url(url))
        self._bench.drop(url)
        return sum(self.seconds.values())

    def result(self, name: str, seconds: float) -> Result:
        """Return what the latest round took, in parts."""
        return told(
            name, self._bench.engine, seconds, unit="s", rows=self.rows, **self.seconds,
            parts_replayed_again=self.again,
            **self._programs.versions(), **self._past.detail,
        )  # fmt: skip

    def _replay(self, telegraf: Telegraf) -> None:
        step = timedelta(hours=1)
        self.again = replay(
            self._programs, self._past.url, telegraf, self._jobs, step, hurry=self._hurry
        )


def stored_rows(url: str) -> int:
    """Return how many rows both tables hold."""
    with psycopg.connect(url) as connection:
        row = connection.execute(statement("count_raw_rows")).fetchone()
    return int(row[0]) if row else 0


def _now() -> datetime:
    return this_morning() + timedelta(hours=6)


def _settings(url: str, past: Source, jobs: Sequence[tuple[str, Window]]) -> Settings:
    return Settings(
        database_url=url, datasource_url=past.url, backfill_start=jobs[0][1].start.date()
    )
