"""Find the servers to work on: the user's own, or the bundled ones."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import dagster as dg
from rich.console import Console

from promtsdb_dagster.adapters.http import source_url
from promtsdb_dagster.definitions import all_aggregates, build
from promtsdb_dagster.defs.aggregates import Aggregate
from promtsdb_dagster.defs.groups import Group, backfill_groups
from promtsdb_dagster.defs.partitions import WEEK, Grid
from promtsdb_dagster.installation import Installation, install
from promtsdb_dagster.localstack import Endpoints, open_stack
from promtsdb_dagster.localstack.signals import ending_on_signals
from promtsdb_dagster.settings import Settings, load_settings


@dataclass(frozen=True)
class Site:
    """Hold everything that a command works with."""

    settings: Settings
    installation: Installation
    definitions: dg.Definitions
    # What this installation does without, in sentences.
    lacking: tuple[str, ...] = ()
    bundled: bool = False

    @property
    def groups(self) -> tuple[Group, ...]:
        """Return the backfill groups."""
        return backfill_groups(self.settings.history_start)

    def groups_with_history(self, now: datetime) -> list[Group]:
        """Return the groups for which a start of the whole history asks a run."""
        policy = self.installation.policy()
        return [group for group in self.groups if group.history(policy, now)]

    @property
    def weeks(self) -> Grid:
        """Return the partitions of the aggregates."""
        return Grid(self.settings.history_start, WEEK, ahead=True)

    @property
    def aggregates(self) -> list[Aggregate]:
        """Return the aggregates."""
        return all_aggregates()


@contextmanager
def open_site(console: Console, *, source: bool = True, ask: bool = True) -> Iterator[Site]:
    """Lend the servers that the environment names, or start the bundled ones for the block.

    With `ask` a source that does not answer is told before any work is done.
    Raises ConfigurationError when it names one of the two that are needed and not the other,
    SourceError.
    """
    settings = load_settings()
    if settings.database_url is not None or settings.datasource_url is not None:
        settings.require_database_url()
        if source:
            source_url(settings.require_datasource_url())
        with ending_on_signals(), _site(settings) as site:
            if source and ask:
                site.installation.source().clock()
            yield site
        return
    console.print("DATABASE_URL and DATASOURCE_URL are not set: using the bundled stack")
    stack = open_stack(
        settings, report=lambda line: console.print(f"  {line}", markup=False, highlight=False)
    )
    with (
        stack.running() as endpoints,
        pointed_to(endpoints) as found,
        _site(found, endpoints) as site,
    ):
        yield site


@contextmanager
def pointed_to(endpoints: Endpoints) -> Iterator[Settings]:
    """Let the environment point to the bundled stack for the block; lend what it says then."""
    before = dict(os.environ)
    # The processes that are started later read it from there, like Dagster's run workers.
    os.environ.update(endpoints.environment())
    try:
        yield load_settings()
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _site(settings: Settings, stack: Endpoints | None = None) -> Iterator[Site]:
    installation = install(settings)
    try:
        definitions = build(settings, installation)
        lacking = stack.skipped if stack else ()
        yield Site(settings, installation, definitions, lacking, bundled=stack is not None)
    finally:
        installation.close()
