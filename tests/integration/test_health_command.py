"""`promtsdb health` says what is well and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from promtsdb_dagster.cli import FAILED, REFUSED, main
from promtsdb_dagster.localstack.ports import free_port
from tests.fix_postgres import Cluster, ScratchDatabase


def test_what_is_well_and_what_is_not_configured_is_status_0(
    plain_database: ScratchDatabase,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", plain_database.url)
    assert main(["health"]) == 0
    told = capsys.readouterr().out
    assert "postgresql, at version" in told
    assert told.count("not configured") == 5


def test_a_service_that_does_not_answer_is_status_1(
    plain_database: ScratchDatabase,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", plain_database.url)
    monkeypatch.setenv("VMALERT_URL", f"http://127.0.0.1:{free_port()}")
    assert main(["health"]) == FAILED
    assert "error: not well: vmalert" in capsys.readouterr().err


def test_a_database_without_the_schema_is_not_well(
    plain_cluster: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = plain_cluster.empty_url()
    monkeypatch.setenv("DATABASE_URL", url)
    assert main(["health"]) == FAILED
    assert "promtsdb migrate" in capsys.readouterr().out
    plain_cluster.drop(url)


def test_with_nothing_to_ask_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PROMTSDB_STATE_DIR", str(tmp_path))
    assert main(["health"]) == REFUSED
    assert "the bundled stack does not run" in capsys.readouterr().err
