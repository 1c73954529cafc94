"""Which benchmarks there are; a topic is the module `bench.<name>` with `run(bench)`."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import cast

from bench.results import Result
from bench.servers import ENGINES
from bench.world import ANY, Bench
from promtsdb_dagster.errors import InputError

Run = Callable[[Bench], Iterator[Result]]


@dataclass(frozen=True)
class Topic:
    """One benchmark and the engines that it runs on; ANY once, whatever the engine."""

    name: str
    engines: tuple[str, ...]
    description: str

    @property
    def exists(self) -> bool:
        """Say whether its module is there."""
        return find_spec(f"bench.{self.name}") is not None

    def load(self) -> Run:
        """Return its `run`; nothing of a topic is imported before."""
        return cast(Run, importlib.import_module(f"bench.{self.name}").run)


TOPICS = (
    Topic("loading", (ANY,), "how long Dagster takes to load the definitions"),
    Topic("memory", (ANY,), "memory of a backfill run over one week and over three years"),
    Topic("dagster_share", (ANY,), "Dagster's own share of a whole-history backfill"),
    Topic("writing", ENGINES, "windows written: empty, partly filled, complete"),
    Topic("staging", ENGINES, "live batches through the staging tables"),
    Topic("storage", ENGINES, "bytes for each raw row, indexes included"),
    Topic("refreshing", ENGINES, "aggregates refreshed: everything, one hour, nothing"),
    Topic("api", ENGINES, "every API function over one year and four, and the old functions"),
    Topic("history", ENGINES, "from Prometheus to refreshed aggregates, and the old way"),
)


def chosen(names: Iterable[str]) -> list[Topic]:
    """Return the topics of these names, all when none is given; raises InputError."""
    there = [topic for topic in TOPICS if topic.exists]
    wanted = list(names)
    unknown = sorted(set(wanted) - {topic.name for topic in there})
    if unknown:
        raise InputError(
            f"no benchmark is named {', '.join(unknown)}; known are "
            f"{', '.join(topic.name for topic in there)}"
        )
    return [topic for topic in there if not wanted or topic.name in wanted]
