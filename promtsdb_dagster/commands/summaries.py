"""Add up what runs recorded about themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import dagster as dg


@dataclass
class BackfillSummary:
    """Hold what one backfill run did in all its partitions."""

    partitions: int = 0
    found_done: int = 0
    windows: int = 0
    written: int = 0
    present: int = 0
    dropped: int = 0
    skipped: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class RefreshSummary:
    """Hold what one refresh did."""

    windows: int
    buckets: int
    below_floor: str
    seconds: float


def summarize_backfill(materializations: Iterable[dg.AssetMaterialization]) -> BackfillSummary:
    """Return the sums over the partitions of one run."""
    summary = BackfillSummary()
    for materialization in materializations:
        values = _values(materialization)
        summary.partitions += 1
        summary.found_done += bool(values.get("found_done"))
        summary.windows += values.get("windows", 0)
        summary.written += values.get("rows_written", 0)
        summary.present += values.get("rows_already_there", 0)
        summary.dropped += values.get("samples_dropped", 0)
        # A reason ends where the windows it concerns begin.
        summary.skipped.update(text.split(": ")[0] for text in values.get("skipped", []))
    return summary


def summarize_refresh(materialization: dg.AssetMaterialization) -> RefreshSummary:
    """Return what a refresh said; every partition of its run says the same."""
    values = _values(materialization)
    return RefreshSummary(
        values.get("windows", 0),
        values.get("buckets", 0),
        values.get("below_floor", "nothing"),
        values.get("seconds", 0.0),
    )


def _values(materialization: dg.AssetMaterialization) -> dict[str, Any]:
    return {key: value.value for key, value in materialization.metadata.items()}
