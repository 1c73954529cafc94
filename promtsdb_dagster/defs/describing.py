"""Say of an asset what it holds, what to do when it is red, who owns it, and where its code is."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import dagster as dg

OWNERS: Sequence[str] = ("team:metrics",)

_ROOT = Path(__file__).resolve().parents[2]
_LINKS = "dagster/code_references"
# Folders whose files have namesakes elsewhere.
_TOLD_APART = ("adapters", "core", "defs", "portable")
_WHEN_RED = "**When it is red:**"


def described(what: str, when_red: str) -> str:
    """Return a description in Markdown: what is there, then what to do when it is red."""
    return f"{what.strip()}\n\n{_WHEN_RED} {when_red.strip()}"


def links(*paths: str) -> dict[str, dg.MetadataValue]:
    """Return the metadata that leads to files of this repository, given from its root."""
    with warnings.catch_warnings():
        # Code references are beta, and each would say so.
        warnings.simplefilter("ignore", dg.BetaWarning)
        references = [
            dg.LocalFileCodeReference(file_path=str(_ROOT / path), label=_label(path))
            for path in paths
        ]
        return {_LINKS: dg.CodeReferencesMetadataValue(code_references=[*references])}


def located(url: str | None) -> dict[str, dg.MetadataValue]:
    """Return the metadata that leads to a service, without user and password."""
    bare = _without_login(url)
    return {"dagster/uri": dg.MetadataValue.text(bare)} if bare else {}


def linked_below(
    source_url: str | None, assets: Iterable[dg.AssetsDefinition | dg.AssetSpec]
) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """Return the assets with links to files below SOURCE_URL, or as they are when it is unset."""
    base = _without_login(source_url)
    if base is None:
        return [*assets]

    def linked(spec: dg.AssetSpec) -> dg.AssetSpec:
        return spec.merge_attributes(metadata=_urls(base, spec.metadata))

    return [*dg.map_asset_specs(linked, assets)]


def _urls(source_url: str, metadata: Mapping[str, object]) -> dict[str, dg.MetadataValue]:
    found = metadata.get(_LINKS)
    if not isinstance(found, dg.CodeReferencesMetadataValue):
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        references = [
            dg.UrlCodeReference(url=f"{source_url}/{_from_root(each)}", label=each.label)
            if isinstance(each, dg.LocalFileCodeReference)
            else each
            for each in found.code_references
        ]
        return {_LINKS: dg.CodeReferencesMetadataValue(code_references=references)}


def _from_root(reference: dg.LocalFileCodeReference) -> str:
    return Path(reference.file_path).relative_to(_ROOT).as_posix()


def _label(path: str) -> str:
    # The UI shows about 20 letters, and two files of one name must differ.
    folder, _, name = path.rpartition("/")
    short = name.removesuffix(".up.sql")
    inside = folder.rpartition("/")[2]
    return f"{inside}/{short}" if inside in _TOLD_APART else short


def _without_login(url: str | None) -> str | None:
    try:
        parts = urlsplit(url or "")
    except ValueError:
        # Whoever uses it says better that it is none.
        return None
    bare = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    # A password that is not encoded may hold a slash.
    return bare if parts.scheme in ("http", "https") and "@" not in bare else None
