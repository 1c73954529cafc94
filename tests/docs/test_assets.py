"""The page of the assets; in a file of its own, since running every asset takes a while, once."""

from __future__ import annotations

from docgen.asset_runs import real_definitions, recorded
from docgen.asset_words import METADATA
from docgen.assets import config_fields
from docgen.catalog import difference
from tests.docs.test_references import RUN


def test_the_page_is_what_the_code_says() -> None:
    told = difference("assets")
    assert not told, f"{told}\n{RUN}"


def test_nothing_of_an_asset_is_without_words() -> None:
    lacking: list[str] = []
    keys: set[str] = set()
    with real_definitions() as found:
        for node in found.resolve_asset_graph().asset_nodes:
            name = node.key.to_user_string()
            what, _, red = (node.description or "").partition("**When it is red:**")
            lacking += [f"{name}: what it holds"] * (not what.strip())
            lacking += [f"{name}: what to do when it is red"] * (not red.strip())
            lacking += [f"{name}: its owner"] * (not node.owners)
            for field, said in config_fields(node).items():
                lacking += [f"{name}: config {field}"] * (not said.description)
        jobs = found.get_repository_def().get_all_jobs()
        lacking += [f"job {j.name}" for j in jobs if not j.description and j.name[:2] != "__"]
    for key, metadata in recorded().items():
        keys |= set(metadata)
        said = key.to_user_string()
        lacking += [f"{said}: metadata {name}" for name in metadata if not METADATA.get(name)]
    assert not lacking, "metadata: in docgen/asset_words.py, the rest: where it is defined"
    assert not set(METADATA) - keys, "docgen/asset_words.py: no asset records these any more"
