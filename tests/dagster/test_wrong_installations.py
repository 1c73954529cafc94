"""What is wrong with an installation is said by the run that needs it, and nothing is done."""

from __future__ import annotations

import shutil
from pathlib import Path

import dagster as dg
import pytest

from promtsdb_dagster.definitions import build
from promtsdb_dagster.settings import ROOT, Settings
from tests.dagster.running import run_assets

WEEK = dg.AssetKey("backfill_1w")
# Nothing may be reached in these tests.
SERVERS = {
    "database_url": "postgresql://me:secret@127.0.0.1:1/metrics",
    "datasource_url": "http://127.0.0.1:1",
    "datasource_attempts": 1,
}


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A copy of the shipped rules, to be spoilt."""
    return Path(shutil.copytree(ROOT / "rules", tmp_path / "rules"))


def failure_of(settings: dict[str, object], instance: dg.DagsterInstance) -> str:
    """Return what a backfill says that cannot begin."""
    definitions = build(Settings(**{**SERVERS, **settings}))  # type: ignore[arg-type]
    result = run_assets(definitions, instance, [WEEK], partition_key="2026-11-11")
    assert not result.success
    failure = result.failure_data_for_node("backfill_1w")
    assert failure is not None
    assert failure.user_failure_data is not None
    assert instance.get_materialized_partitions(WEEK) == set()
    return str(failure.user_failure_data.description)


def test_a_rule_with_a_syntax_error_is_named(rules: Path, instance: dg.DagsterInstance) -> None:
    file = rules / "live.yaml"
    lines = file.read_text().splitlines()
    [number] = [n for n, line in enumerate(lines) if line.endswith("record: kube_pods")]
    lines[number + 1] = "        expr: 'count(up{'"
    file.write_text("\n".join(lines))
    said = failure_of({"rules_dir": rules}, instance)
    assert f"{file}:{number + 2}: group 'live', rule 'kube_pods': `expr`: not valid PromQL" in said


def test_a_missing_group_is_named(rules: Path, instance: dg.DagsterInstance) -> None:
    (rules / "backfill_1y.yaml").unlink()
    said = failure_of({"rules_dir": rules}, instance)
    assert "no group named backfill_1y in the rule files" in said
    assert "set RULES_DIR" in said


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"datasource_url": None}, "DATASOURCE_URL is not set"),
        ({"database_url": None}, "DATABASE_URL is not set"),
        ({"datasource_url": "prometheus:9090"}, "DATASOURCE_URL is 'prometheus:9090', wanted http"),
        ({"datasource_url": "http://host:port"}, "DATASOURCE_URL is 'http://host:port', wanted"),
        ({"database_url": "me:secret@host"}, "DATABASE_URL is not a URL that libpq can read"),
        ({}, "http://127.0.0.1:1/api/v1/query did not answer"),
    ],
    ids=["no source", "no database", "no scheme", "no port", "no libpq URL", "nobody there"],
)
def test_wrong_servers_are_named(
    settings: dict[str, object], words: str, instance: dg.DagsterInstance
) -> None:
    said = failure_of(settings, instance)
    assert words in said
    assert "secret" not in said
