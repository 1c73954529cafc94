"""What the documentation calls a result."""

from __future__ import annotations

_TITLES = {
    "loading.definitions": "Dagster's definitions loaded",
    "memory.one_week": "memory of a backfill run over one week",
    "memory.three_years": "memory of a backfill run over three years",
    "dagster_share.whole_history": "Dagster's own share of a whole-history backfill",
    "writing.empty": "load into an empty window, verified, with tags",
    "writing.partly": "load into a window that has some of the rows",
    "writing.complete": "load of a window that has all of the rows",
    "writing.copy_only": "COPY into our table, nothing else",
    "writing.old_way": "the predecessor's staging",
    "refreshing.one_hour": "refresh after one changed hour of a year",
    "refreshing.nothing_changed": "refresh of an aggregate when nothing has changed",
    "refreshing.nothing_by_a_person": "the same, asked for by a person",
    "history.against_predecessor": "from Prometheus to refreshed aggregates, against the old way",
}


def title(name: str) -> str:
    """Return a result's name in words."""
    return _TITLES.get(name) or name.replace(".", ": ", 1).replace("_", " ")
