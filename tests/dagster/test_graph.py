"""The graph in the UI: which assets there are, in which groups, and what feeds what."""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import dagster as dg
import pytest

ROOT = Path(__file__).resolve().parents[2]
AGGREGATES = {
    "cumsum/all_metrics_minute",
    "geo/latest_coords",
    "internal/cagg_calculated_metric",
    "internal/prometheus_common_1m",
    "internal/prometheus_mainnet_1m",
    "internal/prometheus_testnet_1m",
}
API = {
    "api/coverage",
    "api/excluded_addresses",
    "api/metrics",
    "api/positions",
    "api/running_totals",
    "api/token_metrics",
}
INTERNAL_FEEDS = {"backfill_1y", "backfill_1w", "backfill_live"}


def _migrations() -> list[str]:
    files = sorted((ROOT / "sql" / "migrations").glob("*.up.sql"))
    return [f"migrations/{path.name.removesuffix('.up.sql')}" for path in files]


@pytest.fixture
def groups(definitions: dg.Definitions) -> dict[str, set[str]]:
    """The keys of all assets by their group."""
    found: dict[str, set[str]] = {}
    for node in definitions.resolve_asset_graph().asset_nodes:
        found.setdefault(node.group_name, set()).add(node.key.to_user_string())
    return found


def _parents(definitions: dg.Definitions, key: str) -> set[str]:
    graph = definitions.resolve_asset_graph()
    node = graph.get(dg.AssetKey.from_user_string(key))
    return {parent.to_user_string() for parent in node.parent_keys}


def test_every_asset_is_in_its_group(groups: dict[str, set[str]]) -> None:
    assert groups == {
        "migrations": set(_migrations()),
        "backfill": {"backfill_forever", "backfill_1y", "backfill_1w", "backfill_live"},
        "staging": {"staging_internal", "staging_cumsum"},
        "storage": {
            "internal/prometheus_remote_write",
            "cumsum/prometheus_remote_write",
            "internal/prometheus_remote_write_tag",
            "coverage",
        },
        "aggregates": AGGREGATES,
        "api": API,
        "services": {"prometheus", "vmalert", "telegraf", "postgrest", "caddy"},
        "housekeeping": {"expired_rows", "old_notes", "recent_buckets", "unused_tags"},
    }


def test_migrations_are_chained(definitions: dg.Definitions) -> None:
    keys = _migrations()
    assert _parents(definitions, keys[0]) == set()
    for before, key in pairwise(keys):
        assert _parents(definitions, key) == {before}


def test_each_migration_carries_the_checksum_of_its_file(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for key in _migrations():
        version = graph.get(dg.AssetKey.from_user_string(key)).code_version
        assert version is not None
        for folder in ("migrations", "portable"):
            file = ROOT / "sql" / folder / f"{key.removeprefix('migrations/')}.up.sql"
            if file.exists():
                assert sha256(file.read_bytes()).hexdigest()[:16] in version, file


@pytest.mark.parametrize("name", ["forever", "1y", "1w", "live"])
def test_backfills_need_the_schema_and_prometheus(definitions: dg.Definitions, name: str) -> None:
    assert _parents(definitions, f"backfill_{name}") == {_migrations()[-1], "prometheus"}


@pytest.mark.parametrize("schema", ["internal", "cumsum"])
def test_staging_needs_the_schema_and_telegraf(definitions: dg.Definitions, schema: str) -> None:
    assert _parents(definitions, f"staging_{schema}") == {_migrations()[-1], "telegraf"}


@pytest.mark.parametrize("aggregate", sorted(AGGREGATES))
def test_aggregates_see_their_table_and_what_feeds_it(
    definitions: dg.Definitions, aggregate: str
) -> None:
    if aggregate.startswith("cumsum/"):
        wanted = {"cumsum/prometheus_remote_write", "backfill_forever", "backfill_live"}
    else:
        wanted = {"internal/prometheus_remote_write", *INTERNAL_FEEDS}
    assert _parents(definitions, aggregate) == wanted


def test_storage_is_written_by_backfill_and_staging(definitions: dg.Definitions) -> None:
    assert _parents(definitions, "internal/prometheus_remote_write") == {
        "staging_internal",
        *INTERNAL_FEEDS,
    }
    assert _parents(definitions, "cumsum/prometheus_remote_write") == {
        "staging_cumsum",
        "backfill_forever",
        "backfill_live",
    }


def test_a_live_sample_goes_from_the_source_through_services_to_staging(
    definitions: dg.Definitions,
) -> None:
    assert _parents(definitions, "prometheus") == set()
    assert _parents(definitions, "vmalert") == {"prometheus"}
    assert _parents(definitions, "telegraf") == {"vmalert"}


@pytest.mark.parametrize(
    ("family", "reads"),
    [
        ("metrics", {aggregate for aggregate in AGGREGATES if aggregate.endswith("_1m")}),
        ("running_totals", {"cumsum/all_metrics_minute"}),
        ("token_metrics", {"internal/cagg_calculated_metric"}),
        ("positions", {"geo/latest_coords"}),
        ("coverage", {"internal/prometheus_remote_write", "cumsum/prometheus_remote_write"}),
        ("excluded_addresses", {_migrations()[-1]}),
    ],
)
def test_clients_get_what_functions_read_through_the_public_door(
    definitions: dg.Definitions, family: str, reads: set[str]
) -> None:
    assert _parents(definitions, f"api/{family}") == {"caddy", *reads}
    assert _parents(definitions, "caddy") == {"postgrest"}


def test_coverage_tells_of_both_tables(definitions: dg.Definitions) -> None:
    tables = {f"{schema}/prometheus_remote_write" for schema in ("internal", "cumsum")}
    assert _parents(definitions, "coverage") == tables


def test_groups_lead_from_the_source_to_the_client(definitions: dg.Definitions) -> None:
    """The UI shows groups folded: a circle of them would be unrolled at any place."""
    order = ["services", "migrations", "backfill", "staging", "storage", "aggregates", "api"]
    graph = definitions.resolve_asset_graph()
    for node in graph.asset_nodes:
        for parent in (graph.get(key) for key in node.parent_keys):
            if node.group_name in order and node.group_name != parent.group_name:
                assert order.index(parent.group_name) < order.index(node.group_name), node.key


def test_storage_services_and_api_cannot_be_materialized(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    external = {node.group_name for node in graph.asset_nodes if not node.is_materializable}
    assert external == {"storage", "services", "api"}


def test_partitioned_assets_take_a_range_in_one_run(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for node in graph.asset_nodes:
        assert (node.partitions_def is not None) == (node.group_name in ("backfill", "aggregates"))
        if node.partitions_def is not None:
            assert node.backfill_policy == dg.BackfillPolicy.single_run()


def test_checks_jobs_and_sensors_are_there(definitions: dg.Definitions) -> None:
    repository = definitions.get_repository_def()
    checks = {key.to_user_string() for key in definitions.resolve_asset_graph().asset_check_keys}
    services = ("prometheus", "vmalert", "telegraf", "postgrest", "caddy")
    assert checks == {
        "staging_internal:empty",
        "staging_cumsum:empty",
        "staging_internal:nothing_refused",
        "staging_cumsum:nothing_refused",
        "recent_buckets:policies_healthy",
        "backfill_live:no_gaps",
        f"{_migrations()[-1]}:schema_true",
        "internal/prometheus_remote_write_tag:no_orphans",
        "cumsum/prometheus_remote_write:no_doubles",
        "internal/prometheus_remote_write:live_rows_fresh",
        *(f"backfill_{group}:ledger_holds" for group in ("forever", "1y", "1w", "live")),
        *(f"{aggregate}:agrees_with_rows" for aggregate in AGGREGATES),
        *(f"{service}:healthy" for service in services),
    }
    assert {
        "migrate",
        "history",
        "health",
        "housekeeping",
        "tidy_tags",
        "check_live_rows",
        "checks",
    } <= set(repository.job_names)
    sensors = {sensor.name: sensor for sensor in repository.sensor_defs}
    assert set(sensors) == {
        "automation",
        "history",
        "late_changes",
        "live_gaps",
        "notify_checks",
        "notify_failures",
        "recent_buckets",
        "storage",
    }
    for sensor in sensors.values():
        assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    schedules = {schedule.name: schedule for schedule in repository.schedule_defs}
    assert set(schedules) == {
        "housekeeping",
        "tidy_tags",
        "check_live_rows",
        "checks",
        "draw_coverage",
    }
    for schedule in schedules.values():
        assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
