"""Code that is older than the schema reads where it stands, and writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta, timezone

import pytest
from pydantic import SecretStr

from promtsdb_dagster.adapters.sql import query
from promtsdb_dagster.cli import FAILED, main
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.errors import UnknownVersion
from promtsdb_dagster.installation import Installation, install
from promtsdb_dagster.settings import load_settings
from tests.doubles.scripted_http import scripted
from tests.fix_postgres import ScratchDatabase

DAY = timedelta(days=1)
NOW = datetime(2026, 11, 20, tzinfo=timezone.utc)
WINDOW = Window(NOW - 2 * DAY, NOW - DAY)
# By what a run, a sensor or a command calls.
WORKS: dict[str, Callable[[Installation], object]] = {
    "refresh": lambda it: it.aggregates().refresh("geo.latest_coords", WINDOW),
    "drain": lambda it: it.staging().drain("internal"),
    "missed": lambda it: it.housekeeping().note_missed(),
    "tags": lambda it: it.unused_tags().tidy(lambda *_: None),
    "changes": lambda it: it.aggregates().pending(),
    "migrate": lambda it: it.migrator().up(),
}


def make_newer(database: ScratchDatabase) -> None:
    with database.connection() as connection:
        connection.execute(query("clear_migration_ledger"))
        connection.execute(query("insert_migration_version"), [999])


@pytest.mark.parametrize("work", WORKS)
def test_whatever_writes_refuses(plain_database: ScratchDatabase, work: str) -> None:
    settings = load_settings().model_copy(update={"database_url": SecretStr(plain_database.url)})
    make_newer(plain_database)

    with closing(install(settings)) as it, pytest.raises(UnknownVersion, match="at version 999"):
        WORKS[work](it)


def test_a_backfill_refuses_and_a_schema_that_becomes_newer_in_a_run_ends_it(
    database: ScratchDatabase,
) -> None:
    with scripted() as server:
        settings = load_settings().model_copy(
            update={"database_url": SecretStr(database.url), "datasource_url": server.url}
        )
        with closing(install(settings)) as it, it.database().keeping():
            assert it.backfill().run("backfill_1y", [WINDOW], now=NOW).error is None

            make_newer(database)
            report = it.backfill().run("backfill_1y", [WINDOW], now=NOW)

    assert isinstance(report.error, UnknownVersion)
    assert "run the code that made it, or newer code" in str(report.error)


def test_the_state_is_still_told(
    plain_database: ScratchDatabase,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_newer(plain_database)
    monkeypatch.setenv("DATABASE_URL", plain_database.url)
    monkeypatch.setenv("COLUMNS", "300")

    assert main(["health"]) == FAILED
    assert "the database is at version 999, the newest that this" in capsys.readouterr().out
