"""Start and stop what a run of the suite needs: one source, a server for each engine."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from faults.postgres import Postgres
from faults.source import Source, times
from faults.truth import Truth
from faults.workers import end_spare
from faults.world import RULES, World
from promtsdb_dagster.localstack.binaries import find_postgres, timescaledb_missing
from promtsdb_dagster.settings import load_settings

ENGINES = ("postgresql", "timescaledb")


def missing(engine: str) -> str | None:
    """Return why an engine cannot run here, or None."""
    if engine != "timescaledb":
        return None
    return timescaledb_missing(find_postgres(load_settings().pg_bindir).folder)


@contextmanager
def running_source() -> Iterator[tuple[Source, Truth]]:
    """Lend a source with a past, and what it says; both engines share it."""
    folder = Path(tempfile.mkdtemp(prefix="promtsdb-faults-"))
    source = Source(folder, times())
    try:
        source.make()
        source.start()
        yield source, Truth(source.url, RULES)
    finally:
        source.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_world(
    engine: str, source: Source, truth: Truth, seed: int, say: Callable[[str], None] = print
) -> Iterator[World]:
    """Lend the servers of an engine."""
    folder = Path(tempfile.mkdtemp(prefix="promtsdb-faults-"))
    world = World(engine, folder, Postgres(folder, engine), source, truth, seed, say)
    try:
        world.postgres.start()
        yield world
    finally:
        end_spare(world)
        world.postgres.remove()
        shutil.rmtree(folder, ignore_errors=True)
