"""What is told of a random world is what an oracle makes of its rows and notes, hour by hour."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Literal

import psycopg
import pytest

from promtsdb_dagster import cli
from promtsdb_dagster.adapters.coverage import SCHEMAS, CoverageStore
from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.coverage import Answer, Row, State, row_of
from promtsdb_dagster.core.durations import parse_duration
from promtsdb_dagster.core.windows import Window
from tests.fix_postgres import Cluster, ScratchDatabase
from tests.fix_prometheus import MIDNIGHT, History
from tests.sql.test_api_coverage import GAP, LEDGER
from tests.sql.world import DAY, HOUR, MINUTE, World, days_ago

START = days_ago(30)
SPAN = Window(START, START + 12 * DAY)
HOURS = w.split(SPAN, HOUR)
QUARTER = 15 * MINUTE
METRICS = [
    *(("mainnet", "total_mfx_burned"), ("testnet", "total_mfx_burned"), ("common", "node_count")),
    *(("common", "kube_cpu"), ("cumsum", "web_requests"), ("geo", "manifest_geo_latitude")),
]
Judged = dict[tuple[str, str], list[tuple[State, timedelta | None]]]


def fill(world: World, seed: int) -> Judged:
    """Store a world, and return what its hours are, found one by one."""
    rng = random.Random(seed)
    stored: defaultdict[tuple[str, str], set[datetime]] = defaultdict(set)
    for schema, name in METRICS:
        for hour in rng.sample(HOURS, 120):
            at = hour.start + rng.randrange(60) * MINUTE
            world.put(name, schema, at, 1, instance="a:1")
            stored[schema, name].add(hour.start)
    world.settle()
    entries: defaultdict[str, list[tuple[timedelta, Window, bool]]] = defaultdict(list)
    for number, name in enumerate(sorted({name for _, name in METRICS} - {"kube_cpu"})):
        for part in range(4):
            step = rng.choice((HOUR, QUARTER))
            first = START + rng.randrange(-10, 250) * HOUR + rng.randrange(4) * QUARTER
            window = Window(first, first + rng.randrange(1, 200) * QUARTER)
            entries[name].append((step, window, rng.random() < 0.7))
            # A second rule of one name counts as the same.
            record = f"{name}#2" if part == 3 else name
            values = (f"{number} {part}", record, record, step, window.start, window.end)
            world.connection.execute(LEDGER, (*values, entries[name][-1][2]))
    live = Window(START + 5 * DAY, START + 11 * DAY + 30 * MINUTE)
    world.connection.execute(
        "INSERT INTO internal.live_start VALUES ('kube_cpu', 'common', %s)", (live.start,)
    )
    world.connection.execute(
        "INSERT INTO internal.live_checked VALUES ('kube_cpu', %s, %s)", (live.start, live.end)
    )
    gaps = []
    for hour in rng.sample(HOURS[5 * 24 : 11 * 24], 20):
        first = rng.choice((0, 20))
        gaps.append(Window(hour.start + first * MINUTE, hour.start + rng.choice((40, 60)) * MINUTE))
        world.connection.execute(GAP, ("kube_cpu", hour.start, gaps[-1].start, gaps[-1].end))
    return {
        (schema, name): [
            _judge(
                hour,
                stored[schema, name],
                entries[name],
                live if name == "kube_cpu" else None,
                gaps,
            )
            for hour in HOURS
        ]
        for schema, name in METRICS
    }


def _judge(
    hour: Window,
    stored: set[datetime],
    entries: list[tuple[timedelta, Window, bool]],
    live: Window | Literal[False],
    gaps: list[Window],
) -> tuple[State, timedelta | None]:
    minutes = [hour.start + n * MINUTE for n in range(60)]
    lacking = {m for m in minutes for gap in gaps if live and m in gap}
    if hour.start in stored:
        steps = [step for step, window, _ in entries if any(m in window for m in minutes)]
        if live and any(m >= live.start and m not in lacking for m in minutes):
            steps.append(MINUTE)
        return State.STORED, min(steps, default=None)
    asked = {m for m in minutes for _, window, verified in entries if verified and m in window}
    asked |= {m for m in minutes if live and m in live} - lacking
    return (State.ABSENT if len(asked) == 60 else State.UNKNOWN), None


def rows_of(database: ScratchDatabase) -> dict[tuple[str, str], Row]:
    found = CoverageStore(database).stored(SPAN)
    return {(each.schema, each.name): row_of(each, HOURS, [SPAN], Answer()) for each in found.facts}


def compare(database: ScratchDatabase, world: World, seed: int) -> None:
    expected = fill(world, seed)
    rows = rows_of(database)
    assert set(rows) == set(METRICS)
    for metric, judged in expected.items():
        assert list(rows[metric].cells) == [Counter([kind]) for kind in judged], metric
    for schema in SCHEMAS:
        for start, name, resolution, hours, stored, absent, missing, minutes in world.ask(
            "get_coverage", schema, "1 day", SPAN.start, SPAN.end
        ):
            day = expected[schema, name][(at := (start - START) // HOUR) : at + 24]
            counted = Counter(state for state, _ in day)
            assert (hours, stored) == (24, counted[State.STORED])
            assert (absent, missing) == (counted[State.ABSENT], counted[State.UNKNOWN])
            finest = min((s for k, s in day if k is State.STORED and s), default=None)
            if finest:
                # The coarsest of the day, whether or not it brought rows.
                assert resolution is not None
                assert parse_duration(resolution) >= finest
            elif not stored:
                assert resolution is None
            if name != "kube_cpu":
                assert minutes == 0


@pytest.mark.parametrize("seed", [1, 2])
def test_the_store_and_the_api_tell_what_an_oracle_finds(
    cluster: Cluster, database: ScratchDatabase, seed: int
) -> None:
    with psycopg.connect(database.url, autocommit=True) as connection:
        compare(database, World(connection, cluster.engine), seed)


def test_rows_count_while_nothing_is_rolled_up(
    timescaledb_database: ScratchDatabase,
) -> None:
    with psycopg.connect(timescaledb_database.url, autocommit=True) as connection:
        world = World(connection, "timescaledb")
        world.put("node_count", "common", START + 90 * MINUTE)
        world.settle()
        connection.execute(
            "CALL public.refresh_continuous_aggregate('internal.prometheus_common_1h', %s, %s)",
            (START, START + DAY),
        )
        world.put("node_count", "common", START + 2 * DAY)
        world.settle()
    assert rows_of(timescaledb_database)["common", "node_count"].hours(State.STORED) == 2


def test_the_command_shows_what_is_missing_then_stored(
    plain_database: ScratchDatabase,
    history: History,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """1. Nothing is stored, and the source has two days. 2. One is backfilled. 3. The source is
    away: what is stored is told, and that the rest was not asked.
    """
    first, last = MIDNIGHT - 9 * DAY, MIDNIGHT - 7 * DAY
    picture = tmp_path / "folder" / "coverage.png"
    monkeypatch.setenv("DATABASE_URL", plain_database.url)
    monkeypatch.setenv("DATASOURCE_URL", history.url)
    monkeypatch.setenv("DATASOURCE_ATTEMPTS", "1")
    arguments = [
        "coverage",
        "--from",
        f"{first:%F}",
        "--to",
        f"{last:%F}",
        "--output",
        str(picture),
    ]

    assert cli.main(arguments) == 0
    shown = capsys.readouterr().out
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert _line(shown, "node_count").split()[-3:] == ["0%", "48", "h"]
    assert "0% of what the source has or may have is stored" in shown

    for group in ("backfill_1y", "backfill_forever"):
        history.backfill(plain_database).run(
            group, [Window(first, first + DAY)], now=MIDNIGHT + HOUR, run_id="one"
        )
    with psycopg.connect(plain_database.url, autocommit=True) as connection:
        World(connection, "postgresql").refresh(first, last)
        connection.execute("DELETE FROM internal.aggregate_change")
    assert cli.main(arguments) == 0
    shown = capsys.readouterr().out
    assert _line(shown, "node_count").split()[-3:] == ["50.0%", "24", "h"]
    assert "▒" in _line(shown, "node_count")
    assert "!" in _line(shown, "node_count")

    monkeypatch.setenv("DATASOURCE_URL", "http://127.0.0.1:9")
    assert cli.main(arguments) == 0
    shown = capsys.readouterr().out
    assert _line(shown, "node_count").split()[-3:] == ["50.0%", "24", "h"]
    assert "?" in _line(shown, "node_count")
    assert "the source was not asked what it has" in " ".join(shown.split())


def _line(shown: str, metric: str) -> str:
    line = next(line for line in shown.splitlines() if metric in line.split())
    return line.replace("│", " ")


def test_a_picture_that_cannot_be_written_is_refused(
    plain_database: ScratchDatabase,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", plain_database.url)
    monkeypatch.delenv("DATASOURCE_URL", raising=False)
    (tmp_path / "file").write_text("")
    yesterday = datetime.now(timezone.utc) - DAY
    arguments = ["coverage", "--from", f"{yesterday:%F}", "--output", f"{tmp_path}/file/c.png"]
    assert cli.main(arguments) == 2
    said = capsys.readouterr().err
    assert "cannot be written" in said
    assert "--output" in said
