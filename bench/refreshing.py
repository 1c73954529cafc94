"""Aggregates refreshed: everything, one changed hour, nothing; and the old way.

A year of minutes of ten metrics. Hours and days on top of the minutes are part of every refresh.
The old way computes the minutes alone, from the beginning of history.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

import psycopg
from psycopg import sql

from bench.measuring import Timings, alternate, ratio, timed
from bench.predecessor import install, refresh_all
from bench.results import Result, at_most, told
from bench.statements import statement
from bench.world import Bench
from promtsdb_dagster.adapters.aggregates import AGGREGATES, Aggregates
from promtsdb_dagster.adapters.database import Database
from promtsdb_dagster.core.windows import Window, floor

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NAMES = [f"{schema}.{name}" for schema, name, _ in AGGREGATES]
# Table, name, schema: something for each aggregate.
SERIES = (
    ("internal", "manifest_tokenomics_total_supply", "mainnet"),
    ("internal", "locked_tokens", "mainnet"),
    ("internal", "node_count", "mainnet"),
    ("internal", "locked_tokens", "testnet"),
    ("internal", "node_count", "testnet"),
    ("internal", "talib_mfx_power_conversion", "common"),
    ("internal", "kube_nodes", "common"),
    ("internal", "manifest_geo_latitude", "geo"),
    ("cumsum", "web_requests", "cumsum"),
    ("cumsum", "system_tcp_sent", "cumsum"),
)
_HOUR_SHARE = 0.01
_NOTHING_MS = 50.0


def run(bench: Bench) -> Iterator[Result]:
    """Yield what a changed hour and no change cost, beside everything."""
    world = _World(bench)
    is_year = bench.size.pick(quick=False, full=True)
    rounds = bench.size.pick(quick=bench.rounds, full=2)
    bench.say(f"  {world.rows:,} rows, {world.window.duration.days} days")
    found = alternate(
        {"everything": world.everything, "hour": world.changed_hour}, rounds=rounds, warm_up=0
    )
    share = ratio(found["hour"], found["everything"])
    detail = world.detail(found["everything"])
    yield told(
        "refreshing.everything", bench.engine, found["everything"].median, unit="s", **detail
    )
    yield (
        at_most("refreshing.one_hour", bench.engine, share, _HOUR_SHARE, unit="of all", **detail)
        if is_year
        else told("refreshing.one_hour", bench.engine, share, unit="of all", **detail)
    )
    for name, only_changed in (("nothing_changed", True), ("nothing_by_a_person", False)):
        if only_changed or bench.engine == "timescaledb":
            yield world.nothing(f"refreshing.{name}", only_changed=only_changed)
    yield from _old_way(bench, world, found["everything"])


@dataclass
class _World:
    bench: Bench
    url: str = ""
    window: Window = field(init=False)
    rows: int = 0

    def __post_init__(self) -> None:
        now = datetime.now(timezone.utc)
        end = floor(now, HOUR)
        days = self.bench.size.pick(quick=7, full=364)
        # What is older than a year is never refreshed.
        self.window = Window(floor(now, DAY) - (days - 1) * DAY, end)
        self.url = self.bench.new_database()
        self.rows = fill(self.url, self.window)
        self._random = random.Random(self.bench.seed)
        self._aggregates = Aggregates(Database(self.url))
        with psycopg.connect(self.url) as connection:
            self._tables = [row[0] for row in connection.execute(statement("select_aggregates"))]

    def everything(self) -> float:
        """Refresh all from nothing."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            for table in self._tables:
                connection.execute(
                    sql.SQL(statement("empty_aggregate")).format(aggregate=_named(table))
                )
        return timed(lambda: self._refresh(only_changed=False))

    def changed_hour(self) -> float:
        """Change the rows of an hour, note it as a writer does, and refresh what was changed."""
        hours = self.window.duration // HOUR
        start = self.window.start + self._random.randrange(hours - 2) * HOUR
        with psycopg.connect(self.url) as connection:
            for source in ("internal", "cumsum"):
                connection.execute(
                    sql.SQL(statement("change_an_hour")).format(
                        table=_named(f"{source}.prometheus_remote_write")
                    ),
                    [start, start + HOUR],
                )
                connection.execute(statement("note_an_hour"), [source, start, start + HOUR])
        return timed(lambda: self._refresh(only_changed=True))

    def nothing(self, name: str, *, only_changed: bool) -> Result:
        """Measure each aggregate's refresh when nothing was changed; the slowest counts."""
        found = alternate(
            {
                each: lambda each=each: self._refresh_one(each, only_changed)  # type: ignore[misc]
                for each in NAMES
            },
            rounds=max(5, self.bench.rounds),
        )
        medians = {each: round(times.median * 1000, 1) for each, times in found.items()}
        return at_most(
            name, self.bench.engine, max(medians.values()), _NOTHING_MS, unit="ms", **medians
        )

    def detail(self, everything: Timings) -> dict[str, object]:
        """Return what tells how much it was."""
        return {
            "rows": self.rows,
            "days": self.window.duration.days,
            "rows_per_second": round(self.rows / everything.median),
        }

    def _refresh(self, *, only_changed: bool) -> None:
        for name in NAMES:
            self._refresh_one(name, only_changed)

    def _refresh_one(self, name: str, only_changed: bool) -> None:
        self._aggregates.refresh(name, self.window, only_changed=only_changed)


def fill(url: str, window: Window) -> int:
    """Store a sample each minute of every series; return how many rows that is."""
    with psycopg.connect(url, autocommit=True) as connection:
        for tag_id, (source, name, schema) in enumerate(SERIES, start=1):
            connection.execute(statement("fill_tag"), {"tag_id": tag_id})
            connection.execute(
                sql.SQL(statement("fill_minutes")).format(
                    table=_named(f"{source}.prometheus_remote_write")
                ),
                {
                    "tag_id": tag_id, "name": name, "schema": schema,
                    "start": window.start, "end": window.end - timedelta(minutes=1),
                },
            )  # fmt: skip
        connection.execute(statement("vacuum_all"))
    return len(SERIES) * (window.duration // timedelta(minutes=1))


def _old_way(bench: Bench, world: _World, everything: Timings) -> Iterator[Result]:
    url = bench.empty_database()
    install(bench.admin_url(url), bench.engine)
    fill(bench.admin_url(url), world.window)
    seconds = timed(lambda: refresh_all(bench.admin_url(url), bench.engine))
    yield told(
        "refreshing.predecessor", bench.engine, seconds, unit="s", rows=world.rows,
        ours=round(everything.median, 2),
    )  # fmt: skip


def _named(table: str) -> sql.Identifier:
    return sql.Identifier(*table.split("."))
