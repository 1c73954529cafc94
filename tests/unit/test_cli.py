"""The command line refuses what makes no sense before it starts anything."""

from __future__ import annotations

import errno
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from promtsdb_dagster import cli
from promtsdb_dagster.commands.home import prepare_home
from promtsdb_dagster.commands.ranges import read_window, whole_partitions, whole_partitions_text
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.defs.groups import Group, backfill_groups
from promtsdb_dagster.errors import InputError, disk_problem
from promtsdb_dagster.settings import ROOT

NOW = datetime(2026, 11, 18, 12, 0, tzinfo=timezone.utc)
START = datetime(2023, 5, 10, tzinfo=timezone.utc)
# Nothing may be reached in these tests; a command that tries fails at once.
NOBODY = "postgresql://nobody@127.0.0.1:1/none"


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


def _group(asset: str) -> Group:
    return next(group for group in backfill_groups(START) if group.asset == asset)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No servers, and a state folder of the test's own."""
    for name in ("DATABASE_URL", "DATASOURCE_URL", "BACKFILL_START", "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PROMTSDB_STATE_DIR", str(tmp_path))
    # Set through monkeypatch, so that what a command sets is taken back.
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))


def _day(days: int) -> str:
    return f"{datetime.now(timezone.utc) + timedelta(days=days):%Y-%m-%d}"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--from", "2026-01-02", "--to", "2026-01-01"], "FROM 2026-01-02 is not before TO"),
        (["--from", "2026-01-01", "--to", "2026-01-01"], "one day is FROM=2026-01-01 TO=2026-01-"),
        (["--from", "2020-01-01", "--to", "2026-01-01"], "before BACKFILL_START, wanted 2023-05-1"),
        (["--from", "yesterday", "--to", "2026-01-01"], "FROM 'yesterday' is not a date"),
        (["--from", "", "--to", ""], "FROM is not given, wanted the days as dates, such as FROM="),
        (["--from", "2026-02-31", "--to", "2026-03-02"], "FROM '2026-02-31' is not a date"),
        (["--from", _day(0), "--to", _day(9)], f"TO {_day(9)} is in the future, wanted at most"),
    ],
    ids=["reversed", "empty", "before history", "no date", "nothing given", "31 Feb", "future"],
)
@pytest.mark.parametrize(
    "command",
    [["refresh"], ["backfill", "--asset", "backfill_live"], ["replace", "--metric", "up"]],
    ids=["refresh", "backfill", "replace"],
)
def test_dates_that_make_no_sense(
    command: list[str], arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*command, *arguments]) == cli.REFUSED
    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err.startswith("error: ")
    assert words in streams.err
    assert "Traceback" not in streams.err


def test_an_unknown_asset_is_answered_with_the_known_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["backfill", "--asset", "backfill_2w", "--from", "2026-01-01", "--to", "2026-01-02"]
    assert cli.main(arguments) == cli.REFUSED
    error = capsys.readouterr().err
    assert "'backfill_2w'" in error
    assert "backfill_forever, backfill_1y, backfill_1w, backfill_live" in error


def test_a_metric_that_is_not_given_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["replace", "--metric", "", "--from", "2026-01-01", "--to", "2026-01-02"]
    assert cli.main(arguments) == cli.REFUSED
    assert "METRIC is not given" in capsys.readouterr().err


def test_half_an_environment_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATASOURCE_URL", "http://127.0.0.1:1")
    assert cli.main(["migrate"]) == cli.REFUSED
    assert "DATABASE_URL is not set" in capsys.readouterr().err


def test_a_wrong_setting_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BACKFILL_START", "10.05.2023")
    assert cli.main(["migrate"]) == cli.REFUSED
    assert "BACKFILL_START" in capsys.readouterr().err


def test_a_database_that_is_not_there_is_an_error_without_a_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", NOBODY)
    assert cli.main(["migrate"]) == cli.FAILED
    error = capsys.readouterr().err
    assert "the database at 127.0.0.1:1/none cannot be used" in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    "url", ["metrics", "mysql://me:secret@host/metrics", "postgresql://me:sec ret@host/metrics"]
)
def test_a_database_url_that_is_none_is_refused_and_not_shown(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    assert cli.main(["migrate"]) == cli.REFUSED
    error = capsys.readouterr().err
    assert "DATABASE_URL is not a URL that libpq can read" in error
    assert "wanted postgresql://" in error
    assert "me:" not in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("url", "status", "words"),
    [
        ("prometheus:9090", cli.REFUSED, "DATASOURCE_URL is 'prometheus:9090', wanted http(s)://"),
        ("http://127.0.0.1:1", cli.FAILED, "http://127.0.0.1:1/api/v1/query did not answer"),
    ],
)
def test_a_wrong_source_is_told_before_the_database_is_touched(
    url: str,
    status: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", NOBODY)
    monkeypatch.setenv("DATASOURCE_URL", url)
    monkeypatch.setenv("DATASOURCE_ATTEMPTS", "1")
    days = ["--from", _day(-3), "--to", _day(-2)]
    assert cli.main(["backfill", "--asset", "backfill_1w", *days]) == status
    error = capsys.readouterr().err
    assert words in error
    assert "the database" not in error


def test_a_state_folder_that_cannot_be_made_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("PROMTSDB_STATE_DIR", str(file))
    assert cli.main(["migrate"]) == cli.FAILED
    error = capsys.readouterr().err
    assert error.startswith(f"error: {file}")
    assert "set PROMTSDB_STATE_DIR to a folder of your own" in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "free some, or set"), (errno.EROFS, "work as its owner"), (errno.EIO, None)],
)
def test_what_a_disk_refuses_is_told_and_nothing_else_is_hidden(
    number: int, words: str | None
) -> None:
    told = disk_problem(OSError(number, "said by the system", "/state/logs"))
    assert (told is None) == (words is None)
    if told and words:
        assert told.startswith("/state/logs: said by the system; wanted ")
        assert words in told


def test_a_target_that_is_none_is_told_where_they_are_listed() -> None:
    done = subprocess.run(
        ["make", "backfil"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "there is no target backfil; `make` alone lists them" in done.stderr


def test_wrong_options_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["backfil"])
    assert stop.value.code == cli.REFUSED
    assert "backfill" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("asset", "start", "end", "wanted"),
    [
        ("backfill_1w", "2026-11-12", "2026-11-14", ("2026-11-12", "2026-11-14")),
        ("backfill_1y", "2026-10-01", "2026-10-02", ("2026-09-30", "2026-10-07")),
        ("backfill_forever", "2026-11-17", "2026-11-19", ("2026-11-11", "2026-11-25")),
        ("backfill_live", "2026-11-18", "2026-11-19", ("2026-11-18", "2026-11-19")),
    ],
)
def test_a_range_is_done_in_whole_partitions_and_told_when_wider(
    asset: str, start: str, end: str, wanted: tuple[str, str]
) -> None:
    group = _group(asset)
    window = read_window(start, end, now=NOW, history_start=START)
    covered = whole_partitions(group, window, NOW)
    assert covered == Window(_utc(wanted[0]), _utc(wanted[1]))
    told = whole_partitions_text(group, window, covered)
    assert (f"{wanted[0]} .. {wanted[1]}" in told) == (covered != window)


@pytest.mark.parametrize(
    ("asset", "start", "end", "words"),
    [
        (
            "backfill_1w",
            "2026-11-17",
            "2026-11-19",
            "no partition for 2026-11-18 yet, wanted TO at",
        ),
        ("backfill_1y", "2026-11-17", "2026-11-19", "wanted TO at most 2026-11-18"),
    ],
)
def test_partitions_that_are_not_over_are_pointed_elsewhere(
    asset: str, start: str, end: str, words: str
) -> None:
    window = read_window(start, end, now=NOW, history_start=START)
    with pytest.raises(InputError, match=words) as raised:
        whole_partitions(_group(asset), window, NOW)
    assert "backfill_live has the present day" in str(raised.value)


def test_instants_in_any_zone_are_read_as_utc() -> None:
    window = read_window(
        "2026-11-01T02:00:00+02:00", "2026-11-01T01:30:00Z", now=NOW, history_start=START
    )
    assert window == Window(_utc("2026-11-01"), _utc("2026-11-01 01:30"))


def test_the_home_is_made_and_follows_the_shipped_settings(tmp_path: Path) -> None:
    home = prepare_home()
    assert home == tmp_path / "dagster"
    assert "telemetry" in (home / "dagster.yaml").read_text()
    assert "BatchedSqliteStorage" in (home / "dagster.yaml").read_text()
    # An earlier version made a link.
    (home / "dagster.yaml").unlink()
    (home / "dagster.yaml").symlink_to(ROOT / "dagster.yaml")
    shipped = (ROOT / "dagster.yaml").read_text()
    assert prepare_home() == home
    assert "BatchedSqliteStorage" in (home / "dagster.yaml").read_text()
    assert (ROOT / "dagster.yaml").read_text() == shipped


def test_a_home_with_settings_of_its_own_keeps_them(tmp_path: Path) -> None:
    home = tmp_path / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    prepare_home()
    assert (home / "dagster.yaml").read_text() == "telemetry: {enabled: false}\n"
