"""Every asset says what it is, what to do when it is red, and where its code and columns are."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from promtsdb_dagster.core.windows import parse_instant
from promtsdb_dagster.defs.columns import COLUMNS
from promtsdb_dagster.settings import Settings
from tests.dagster.fakes import FakeProject
from tests.dagster.running import run_assets

ROOT = Path(__file__).resolve().parents[2]
# What holds rows: its columns are shown.
COVERAGE = dg.AssetKey("coverage")
TABLES = {"staging", "storage", "aggregates"}
# Every number that a run or sensor notes is plotted; one key has one type for ever.
NUMBERS = {dg.IntMetadataValue, dg.FloatMetadataValue}
PLOTTED = {
    "backfill": {"rows_written", "series", "windows", "seconds", "rows_per_second"},
    "staging": {"dagster/row_count", "metrics_moved", "tags_moved", "left", "seconds"},
    "aggregates": {"buckets", "windows", "seconds", "buckets_per_second"},
    "migrations": {"files_applied", "seconds"},
}


def _specs(definitions: dg.Definitions) -> list[dg.AssetSpec]:
    return list(definitions.resolve_all_asset_specs())


def _references(spec: dg.AssetSpec) -> list[object]:
    value = spec.metadata["dagster/code_references"]
    assert isinstance(value, dg.CodeReferencesMetadataValue), spec.key
    return [*value.code_references]


def test_each_has_group_kinds_owners_and_tags(definitions: dg.Definitions) -> None:
    for spec in _specs(definitions):
        assert spec.group_name not in (None, "default"), spec.key
        assert 1 <= len(spec.kinds) <= 3, spec.key
        assert spec.owners, spec.key
        own = [tag for tag in spec.tags if not tag.startswith("dagster/")]
        assert own, spec.key


def test_each_says_what_it_holds_and_what_to_do_when_it_is_red(
    definitions: dg.Definitions,
) -> None:
    texts = {}
    for spec in _specs(definitions):
        what, mark, when_red = (spec.description or "").partition("\n\n**When it is red:** ")
        assert len(what) > 20, spec.key
        assert mark, spec.key
        assert when_red[:1].strip(), spec.key
        # The UI folds what is longer; a table of functions may be.
        assert len(when_red) < 500, spec.key
        texts[spec.key] = what
    assert len(set(texts.values())) == len(texts), "no two say the same"


def test_each_leads_to_files_that_exist(definitions: dg.Definitions) -> None:
    for spec in _specs(definitions):
        paths = []
        for each in _references(spec):
            assert isinstance(each, dg.LocalFileCodeReference), spec.key
            path = Path(each.file_path)
            assert path.is_file(), (spec.key, path)
            paths.append(path.relative_to(ROOT).as_posix())
        assert len(set(paths)) == len(paths), spec.key
        assert any(path.endswith(".py") for path in paths), spec.key
        if spec.group_name not in ("services", "backfill"):
            assert any(path.endswith(".sql") for path in paths), spec.key


def test_each_leads_below_the_source_url_when_it_is_set(project: FakeProject) -> None:
    from promtsdb_dagster.definitions import build

    base = "https://git.example.org/metrics/blob/main"
    for spec in _specs(build(Settings(source_url=f"{base}/"), project)):
        for each in _references(spec):
            assert isinstance(each, dg.UrlCodeReference), spec.key
            assert each.url.startswith(f"{base}/"), spec.key
            assert (ROOT / each.url.removeprefix(f"{base}/")).is_file(), each.url


def test_each_table_shows_its_columns(definitions: dg.Definitions) -> None:
    shown = {}
    for spec in _specs(definitions):
        if "dagster/table_name" in spec.metadata:
            name = spec.metadata["dagster/table_name"]
            shown[name] = spec.metadata["dagster/column_schema"]
        else:
            # A picture of rows has none itself.
            assert spec.group_name not in TABLES or spec.key == COVERAGE, spec.key
    assert shown == COLUMNS


def test_a_service_leads_to_its_address(project: FakeProject) -> None:
    from promtsdb_dagster.definitions import build

    settings = Settings(datasource_url="http://me:secret@localhost:9090", api_url="http://a:3000")
    specs = {spec.key.to_user_string(): spec for spec in _specs(build(settings, project))}
    uris = {name: spec.metadata.get("dagster/uri") for name, spec in specs.items()}
    told = {name: uri.value for name, uri in uris.items() if uri is not None}
    assert told["prometheus"] == "http://localhost:9090"
    assert told["caddy"] == told["api/metrics"] == "http://a:3000"
    assert "vmalert" not in told
    assert not [spec.key for spec in specs.values() if "secret" in repr(spec.metadata)]


def _batches(definitions: dg.Definitions) -> list[list[dg.AssetKey]]:
    """Return what one run may materialize: assets of the same partitions, one migration of many."""
    graph = definitions.resolve_asset_graph()
    batches: dict[object, list[dg.AssetKey]] = {}
    for key in graph.materializable_asset_keys - {COVERAGE}:
        node = graph.get(key)
        if node.group_name != "migrations" or not node.parent_keys:
            batches.setdefault(node.partitions_def, []).append(key)
    return [*batches.values()]


def test_numbers_are_plotted_and_a_key_has_one_type_for_ever(
    definitions: dg.Definitions, project: FakeProject, instance: dg.DagsterInstance
) -> None:
    graph = definitions.resolve_asset_graph()
    found: dict[tuple[dg.AssetKey, str], set[str]] = {}
    # At the first moment nothing of the week and the day is over, at the other all of it.
    for now, engine in (("2026-11-11", "timescaledb"), ("2026-11-18", "postgresql")):
        project.clock, project.keeper.engine = parse_instant(f"{now}T00:00:00Z"), engine
        for keys in _batches(definitions):
            partitioned = graph.get(keys[0]).partitions_def is not None
            day = "2026-11-11" if partitioned else None
            result = run_assets(definitions, instance, keys, partition_key=day)
            assert result.success
            for event in result.all_events:
                if event.is_step_materialization:
                    for name, value in event.materialization.metadata.items():
                        kinds = found.setdefault((event.materialization.asset_key, name), set())
                        kinds.add(type(value))
    for named, kinds in found.items():
        assert len(kinds) == 1, (named, kinds)
    for key in {key for key, _ in found}:
        numbers = {
            name for (asset, name), kinds in found.items() if asset == key and kinds & NUMBERS
        }
        assert PLOTTED.get(graph.get(key).group_name or "", set()) <= numbers, key
        assert numbers, key
