"""What every asset says of itself: a description, owners, links to its code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import pytest

from promtsdb_dagster.defs.describing import OWNERS, described, linked_below, links, located

ROOT = Path(__file__).resolve().parents[2]
KEY = "dagster/code_references"


def test_a_description_ends_with_what_to_do_when_it_is_red() -> None:
    text = described("One row a tag.\n", " Materialize it again.")
    assert text == "One row a tag.\n\n**When it is red:** Materialize it again."


def test_owners_are_what_dagster_takes() -> None:
    assert list(dg.AssetSpec("one", owners=OWNERS).owners) == list(OWNERS) != []


def test_links_are_files_of_this_checkout() -> None:
    metadata = links("promtsdb_dagster/defs/describing.py", "sql/queries/count_rows.sql")
    (first, second) = _references(metadata)
    assert isinstance(first, dg.LocalFileCodeReference)
    assert isinstance(second, dg.LocalFileCodeReference)
    assert Path(first.file_path) == ROOT / "promtsdb_dagster" / "defs" / "describing.py"
    assert Path(second.file_path).is_file()
    assert second.label == "count_rows.sql"


def test_links_to_both_texts_of_a_migration_differ() -> None:
    name = "013_cumsum_aggregate.up.sql"
    both = _references(links(f"sql/migrations/{name}", f"sql/portable/{name}"))
    assert _labels(both) == ["013_cumsum_aggregate", "portable/013_cumsum_aggregate"]


def test_links_to_namesakes_differ() -> None:
    paths = [f"promtsdb_dagster/{folder}/coverage.py" for folder in ("defs", "core")]
    assert _labels(_references(links(*paths))) == ["defs/coverage.py", "core/coverage.py"]


def test_no_asset_has_two_links_of_one_name(definitions: dg.Definitions) -> None:
    for spec in definitions.resolve_all_asset_specs():
        labels = _labels(_references(spec.metadata))
        assert len(set(labels)) == len(labels), spec.key


def test_the_first_paragraph_is_plain(definitions: dg.Definitions) -> None:
    """The catalog shows it as it is typed, and no more."""
    for spec in definitions.resolve_all_asset_specs():
        first = (spec.description or "").partition("\n\n")[0]
        assert first, spec.key
        assert "**" not in first, spec.key


def test_links_lead_below_the_source_url() -> None:
    @dg.asset(metadata={**links("Makefile"), "other": 1})
    def made() -> None: ...

    without = dg.AssetSpec("without", metadata={"other": 2})
    spec = dg.AssetSpec("outside", metadata=links("sql/queries/count_rows.sql"))
    base = "https://git.example.org/metrics/blob/main"
    specs = {
        spec.key.to_user_string(): spec
        for asset in linked_below(base, [made, without, spec])
        for spec in (asset.specs if isinstance(asset, dg.AssetsDefinition) else [asset])
    }
    (makefile,) = _references(specs["made"].metadata)
    assert isinstance(makefile, dg.UrlCodeReference)
    assert (makefile.url, makefile.label) == (f"{base}/Makefile", "Makefile")
    assert specs["made"].metadata["other"] == 1
    (query,) = _references(specs["outside"].metadata)
    assert isinstance(query, dg.UrlCodeReference)
    assert query.url == f"{base}/sql/queries/count_rows.sql"
    assert specs["without"].metadata == {"other": 2}


def test_links_tell_no_password() -> None:
    spec = dg.AssetSpec("outside", metadata=links("Makefile"))
    (linked,) = linked_below("https://me:secret@git.example.org/metrics", [spec])
    assert isinstance(linked, dg.AssetSpec)
    (makefile,) = _references(linked.metadata)
    assert isinstance(makefile, dg.UrlCodeReference)
    assert makefile.url == "https://git.example.org/metrics/Makefile"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://localhost:9090", "http://localhost:9090"),
        ("https://me:secret@example.org:9090/prometheus", "https://example.org:9090/prometheus"),
        ("https://example.org/?token=secret#secret", "https://example.org/"),
        ("https://me:s/ecret@example.org", None),
        ("http://[nonsense", None),
        ("localhost:9090", None),
        ("", None),
        (None, None),
    ],
)
def test_a_service_is_located_without_its_password(url: str | None, told: str | None) -> None:
    wanted = {} if told is None else {"dagster/uri": dg.MetadataValue.text(told)}
    assert located(url) == wanted


def test_without_a_source_url_links_stay_local() -> None:
    spec = dg.AssetSpec("outside", metadata=links("Makefile"))
    assert linked_below(None, [spec]) == [spec]


def _references(metadata: Mapping[str, object]) -> list[object]:
    value = metadata[KEY]
    assert isinstance(value, dg.CodeReferencesMetadataValue)
    return [*value.code_references]


def _labels(references: list[object]) -> list[str | None]:
    return [each.label for each in references if isinstance(each, dg.LocalFileCodeReference)]
