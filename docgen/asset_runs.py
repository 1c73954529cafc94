"""Find which metadata assets record, by running each on scripted adapters."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg

from promtsdb_dagster.adapters.housekeeping import _GROWING
from promtsdb_dagster.adapters.inventory import Stored
from promtsdb_dagster.definitions import build
from promtsdb_dagster.settings import Settings
from tests.dagster.fakes import NOW, FakeProject
from tests.dagster.running import run_assets

# Which runs tell of everything that an asset may record: config of the asset, and the engine.
RUNS: dict[str, tuple[Mapping[str, Any], ...]] = {"backfill": ({}, {"dry_run": True})}
ENGINES = ("postgresql", "timescaledb")
_KINDS = {
    "BoolMetadataValue": "true or false",
    "DagsterRunMetadataValue": "run",
    "FloatMetadataValue": "number",
    "IntMetadataValue": "whole number",
    "JsonMetadataValue": "JSON",
    "MarkdownMetadataValue": "Markdown",
    "PathMetadataValue": "path",
    "TableMetadataValue": "table",
    "TableSchemaMetadataValue": "columns",
    "TextMetadataValue": "text",
    "TimestampMetadataValue": "instant",
    "UrlMetadataValue": "URL",
}


@dataclass(frozen=True)
class Recorded:
    """Say of one key of metadata which type it has, and whether only observations have it."""

    kind: str
    observed: bool


@contextmanager
def real_definitions(project: FakeProject | None = None) -> Iterator[dg.Definitions]:
    """Lend the definitions as they are without an environment; nothing is logged in the block."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            # Arguments come before the environment, which is that of whoever writes the page.
            defaults = {name: field.default for name, field in Settings.model_fields.items()}
            scripted: Any = project or FakeProject()
            yield build(Settings.model_construct(None, **defaults), scripted)
        finally:
            logging.disable(logging.NOTSET)


@cache
def recorded() -> dict[dg.AssetKey, dict[str, Recorded]]:
    """Return by asset the keys of what it records.

    Of assets that share their code, all migrations and the partitioned ones of a group, one tells.
    """
    found: dict[dg.AssetKey, dict[str, Recorded]] = {}
    for engine in ENGINES:
        project = _project(engine)
        with (
            TemporaryDirectory(prefix="promtsdb-docs-") as folder,
            dg.DagsterInstance.ephemeral(tempdir=folder) as instance,
            real_definitions(project) as definitions,
        ):
            nodes = list(definitions.resolve_asset_graph().asset_nodes)
            groups: dict[str, list[Any]] = {}
            for node in filter(lambda each: each.is_materializable, nodes):
                groups.setdefault(node.group_name or "", []).append(node)
            alone = [each for group in groups.values() for each in group if not _shared(each)]
            _run(definitions, instance, alone, {})
            told = {name: next(filter(_shared, group), None) for name, group in groups.items()}
            for name, one in told.items():
                for config in RUNS.get(name, ({},)) if one else ():
                    _run(definitions, instance, [one], config)
            _look(definitions, instance, project)
            for node in nodes:
                one = told.get(node.group_name or "")
                key = one.key if one and _shared(node) else node.key
                found.setdefault(node.key, {}).update(_metadata(instance, key))
    return found


def _shared(node: Any) -> bool:
    return node.group_name == "migrations" or node.partitions_def is not None


def _project(engine: str) -> FakeProject:
    project = FakeProject()
    project.keeper.engine = engine  # type: ignore[assignment]
    project.keeper.drop_old_notes = _old_notes  # type: ignore[method-assign]
    project.state.tables = [
        Stored(key, 3, NOW, NOW, 1_000_000)
        for key in (
            ("internal", "prometheus_remote_write"),
            ("cumsum", "prometheus_remote_write"),
            ("internal", "prometheus_remote_write_tag"),
        )
    ]
    return project


def _old_notes() -> dict[str, int]:
    return {"aggregate_change": 1, **{name: 1 for name, *_ in _GROWING}}


def _run(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    nodes: Sequence[Any],
    config: Mapping[str, Any],
) -> None:
    given = {each.key.to_python_identifier(): {"config": dict(config)} for each in nodes}
    partitions = nodes[0].partitions_def
    result = run_assets(
        definitions,
        instance,
        [each.key for each in nodes],
        partition_key=partitions.get_partition_keys(current_time=NOW)[-2] if partitions else None,
        config={"ops": given} if config else {},
    )
    if not result.success:
        told = [str(event.event_specific_data) for event in result.get_step_failure_events()]
        raise RuntimeError(f"{[each.key for each in nodes]} do not run on fakes: {told}")


def _look(definitions: dg.Definitions, instance: dg.DagsterInstance, project: FakeProject) -> None:
    with dg.build_sensor_context(
        instance=instance, definitions=definitions, resources={"project": project}
    ) as context:
        for event in definitions.resolve_sensor_def("storage").evaluate_tick(context).asset_events:
            instance.report_runless_asset_event(event)


def _metadata(instance: dg.DagsterInstance, key: dg.AssetKey) -> dict[str, Recorded]:
    seen = [each.asset_observation for each in instance.fetch_observations(key, 100).records]
    made = [
        each.asset_materialization for each in instance.fetch_materializations(key, 100).records
    ]
    # What is made goes before what is only looked at.
    return {**_kinds(seen, observed=True), **_kinds(made, observed=False)}


def _kinds(events: Sequence[Any], *, observed: bool) -> dict[str, Recorded]:
    return {
        name: Recorded(_KINDS.get(type(value).__name__, type(value).__name__), observed)
        for event in events
        for name, value in event.metadata.items()
    }
