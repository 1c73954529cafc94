"""The checks run by themselves, say what to do, and hold back only what would do harm."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg
import pytest

from promtsdb_dagster.commands.runs import failure_text
from promtsdb_dagster.core.bucket_check import Compared
from promtsdb_dagster.core.doubles import Totals, Twice
from promtsdb_dagster.core.freshness import Newest
from promtsdb_dagster.core.ledger_check import Counts
from promtsdb_dagster.core.orphans import Noted
from promtsdb_dagster.core.verdicts import Verdict
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.definitions import build
from promtsdb_dagster.errors import StoreUnavailable
from promtsdb_dagster.settings import Settings
from tests.dagster.fakes import NOW, FakeProject
from tests.dagster.running import run_assets
from tests.dagster.test_housekeeping import GONE, pend, tick_schedule
from tests.fix_postgres import ScratchDatabase

DAY = timedelta(days=1)


def run_checks(
    definitions: dg.Definitions, instance: dg.DagsterInstance, job: str = "checks"
) -> dict[str, dg.AssetCheckEvaluation]:
    """Run a job of checks in this process; a check that fails fails no run."""
    result = definitions.resolve_job_def(job).execute_in_process(
        instance=instance, raise_on_error=False
    )
    return {
        each.asset_check_key.to_user_string(): each for each in result.get_asset_check_evaluations()
    }


def failed(evaluations: dict[str, dg.AssetCheckEvaluation]) -> dict[str, str]:
    return {key: each.description or "" for key, each in evaluations.items() if not each.passed}


def test_all_is_well(
    definitions: dg.Definitions, instance: dg.DagsterInstance, project: FakeProject
) -> None:
    evaluations = run_checks(definitions, instance)
    assert failed(evaluations) == {}
    names = {key.split(":")[1] for key in evaluations}
    assert names == {
        *("schema_true", "no_orphans", "no_doubles", "ledger_holds", "agrees_with_rows"),
        *("empty", "nothing_refused", "healthy"),
    }
    assert len(project.audit.asked) == 13
    doubles = evaluations["cumsum/prometheus_remote_write:no_doubles"]
    assert doubles.metadata["rows"] == dg.MetadataValue.int(10), "a number, so that it is plotted"
    assert isinstance(doubles.metadata["seed"], dg.TextMetadataValue), "plots of it say nothing"


def test_live_rows_are_looked_at_with_the_comparison(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    assert set(run_checks(definitions, instance, "check_live_rows")) == {
        "internal/prometheus_remote_write:live_rows_fresh",
        "backfill_live:no_gaps",
    }


@pytest.mark.parametrize(
    ("key", "severity", "advice"),
    [
        ("no_orphans", "WARN", "restart Telegraf"),
        ("no_doubles", "ERROR", "docs/how-to/recover-wrong-rule.md"),
        ("ledger_holds", "WARN", "run these days once more"),
        ("agrees_with_rows", "ERROR", "promtsdb refresh --from"),
        ("schema_true", "ERROR", "run the code that made it"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    project: FakeProject,
    key: str,
    severity: str,
    advice: str,
) -> None:
    audit = project.audit
    audit.noted = [Noted("internal", 2, NOW - DAY)]
    audit.found = Totals([Twice("bytes", 3, NOW - DAY, NOW, "two host tags")], 9, 2, 0, {})
    audit.counts = Counts(3, 30, 1, NOW - 3 * DAY, NOW - 2 * DAY)
    audit.compared = [Compared("geo.latest_coords", Window(NOW - DAY, NOW), 5, 2, NOW - DAY)]
    audit.schema = Verdict("", ["version 99 is not known; run the code that made it"])
    evaluations = run_checks(definitions, instance)
    mine = [each for name, each in evaluations.items() if name.endswith(f":{key}")]
    assert mine
    for each in mine:
        assert not each.passed
        assert each.severity.value == severity
        assert advice in (each.description or "")


def test_stale_live_rows_are_an_error_and_one_rule_a_warning(
    definitions: dg.Definitions, instance: dg.DagsterInstance, project: FakeProject
) -> None:
    key = "internal/prometheus_remote_write:live_rows_fresh"
    project.audit.live = [Newest("up", NOW - DAY)]
    evaluation = run_checks(definitions, instance, "check_live_rows")[key]
    assert evaluation.severity == dg.AssetCheckSeverity.ERROR
    project.audit.live = [Newest("up", None, absent=True)]
    assert run_checks(definitions, instance, "check_live_rows")[key].passed


def test_only_the_schema_holds_anything_back(
    definitions: dg.Definitions, instance: dg.DagsterInstance, project: FakeProject
) -> None:
    """Refreshes go on beside every finding: they are what mends buckets, and copy raw rows only."""
    graph = definitions.resolve_asset_graph()
    keys = graph.asset_check_keys
    blocking = {key.name for key in keys if graph.get_check_spec(key).blocking}
    assert blocking == {"schema_true"}
    project.audit.schema = Verdict("", ["a function was changed; put it back"])
    newest = max(key for key in graph.get_all_asset_keys() if key.path[0] == "migrations")
    result = run_assets(definitions, instance, [newest, dg.AssetKey("staging_cumsum")])
    assert not result.success
    assert not result.asset_materializations_for_node("staging_cumsum")
    assert failure_text(result.all_events) == "a function was changed; put it back"


def test_the_schedule_runs_them_every_hour(
    definitions: dg.Definitions, kept: dg.DagsterInstance, project: FakeProject
) -> None:
    assert tick_schedule("checks", definitions, kept, project).run_requests
    assert definitions.resolve_schedule_def("checks").cron_schedule == "37 * * * *"


def test_the_schedule_says_why_it_does_not_run(
    definitions: dg.Definitions, kept: dg.DagsterInstance, project: FakeProject
) -> None:
    pend(project)
    data = tick_schedule("checks", definitions, kept, project)
    assert not data.run_requests
    assert "materialize group migrations" in (data.skip_message or "")
    project.schema.error = GONE
    data = tick_schedule("checks", definitions, kept, project)
    assert "check DATABASE_URL" in (data.skip_message or "")


def test_runs_do_not_pile_up(
    definitions: dg.Definitions, kept: dg.DagsterInstance, project: FakeProject
) -> None:
    kept.create_run_for_job(
        definitions.resolve_job_def("checks"), status=dg.DagsterRunStatus.STARTED
    )
    data = tick_schedule("checks", definitions, kept, project)
    assert "is not over; looked at again at" in (data.skip_message or "")


def test_a_database_that_cannot_be_reached_fails_the_check_in_one_line(
    definitions: dg.Definitions, instance: dg.DagsterInstance, project: FakeProject
) -> None:
    project.audit.error = StoreUnavailable("the database at nowhere cannot be used; check it")
    result = definitions.resolve_job_def("checks").execute_in_process(
        instance=instance, raise_on_error=False
    )
    assert not result.success
    assert "nowhere cannot be used" in str(result.get_step_failure_events()[0].step_failure_data)


def test_a_real_database(plain_database: ScratchDatabase, instance: dg.DagsterInstance) -> None:
    """The whole job beside a real database, right and with one thing broken."""
    definitions = build(Settings(database_url=plain_database.url))
    assert failed(run_checks(definitions, instance)) == {}
    with plain_database.connection() as connection:
        connection.execute(
            "INSERT INTO internal.orphan_tag VALUES (1, 'cumsum', now() - INTERVAL '1 day', now())"
        )
    found = failed(run_checks(definitions, instance))
    assert list(found) == ["internal/prometheus_remote_write_tag:no_orphans"]
    (text,) = found.values()
    assert "1 series of cumsum.prometheus_remote_write" in text


def test_a_real_newer_database(
    plain_database: ScratchDatabase, instance: dg.DagsterInstance
) -> None:
    with plain_database.connection() as connection:
        connection.execute("UPDATE public.schema_migrations SET version = 999")
    definitions = build(Settings(database_url=plain_database.url))
    found = failed(run_checks(definitions, instance))
    (text,) = (each for key, each in found.items() if key.endswith(":schema_true"))
    assert "version 999" in text
    assert "run the code that made it" in text


def test_a_refresh_is_looked_at_by_its_own_run(
    definitions: dg.Definitions, instance: dg.DagsterInstance, project: FakeProject
) -> None:
    """What is wrong then is told, and fails no run that brought data."""
    aggregate = "geo.latest_coords"
    project.audit.compared = [Compared(aggregate, Window(NOW - DAY, NOW), 5, 2, NOW - DAY)]
    key = dg.AssetKey(aggregate.split("."))
    result = run_assets(definitions, instance, [key], partition_key="2026-11-11")
    assert result.success
    (evaluation,) = result.get_asset_check_evaluations()
    assert not evaluation.passed
