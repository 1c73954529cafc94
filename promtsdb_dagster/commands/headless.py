"""Migrate, backfill and refresh without a daemon, recorded where the UI looks."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

import dagster as dg
from rich.console import Console

from promtsdb_dagster.commands.environment import Site, open_site
from promtsdb_dagster.commands.estimates import print_estimate, refuse_unmigrated
from promtsdb_dagster.commands.home import open_instance
from promtsdb_dagster.commands.progress import progress_bars
from promtsdb_dagster.commands.ranges import (
    choose_group,
    read_window,
    whole_partitions,
    whole_partitions_text,
)
from promtsdb_dagster.commands.runs import Outcome, materialize, run_job
from promtsdb_dagster.commands.summaries import summarize_backfill, summarize_refresh
from promtsdb_dagster.commands.tables import (
    backfill_table,
    print_list,
    refresh_table,
    skipped_lines,
)
from promtsdb_dagster.core.windows import Window, between
from promtsdb_dagster.defs.aggregates import Aggregate
from promtsdb_dagster.defs.groups import Group, backfill_groups
from promtsdb_dagster.errors import PromtsdbError
from promtsdb_dagster.settings import load_settings


class RunFailed(PromtsdbError):
    """A run ended in a failure that it explained itself."""


def migrate(console: Console) -> None:
    """Apply all migrations."""
    with open_site(console, source=False) as site, open_instance() as instance:
        migrate_site(console, site, instance)


def migrate_site(console: Console, site: Site, instance: dg.DagsterInstance) -> None:
    """Apply all migrations to a site that is open already."""
    started = time.monotonic()
    status = site.installation.migrator().status()
    if not status.pending and _is_recorded(site, instance):
        # A run of all files takes as long as a first one, and a `make up` would wait for it. The
        # files are compared with what was applied here too.
        site.installation.migrator().up()
        console.print(f"the database is at version {status.version} ({status.engine}): up to date")
        return
    before = {m.version for m in status.pending}
    with progress_bars(console):
        outcome = run_job(site.definitions, instance, "migrate")
    raise_failure(outcome)
    status = site.installation.migrator().status()
    console.print(
        f"the database is at version {status.version} ({status.engine}): {len(before)} migrations "
        f"applied, {status.version - len(before)} were there, "
        f"{time.monotonic() - started:.1f} s"
    )


def _is_recorded(site: Site, instance: dg.DagsterInstance) -> bool:
    """Say whether this Dagster shows every migration as done."""
    keys = site.definitions.resolve_job_def("migrate").asset_layer.executable_asset_keys
    known = instance.get_latest_materialization_events(keys)
    return all(known.get(key) for key in keys)


def backfill(
    console: Console, asset: str, start: str, end: str, *, recheck: bool, dry_run: bool = False
) -> None:
    """Backfill one group over a range of dates, and refresh what that changed.

    A dry run only says what would be done.
    """
    # Judged before any server is started: a typing error should cost no time.
    _judge_backfill(asset, start, end)
    with open_site(console) as site, open_instance() as instance:
        now = site.installation.now()
        group = choose_group(site.groups, asset)
        window = read_window(start, end, now=now, history_start=site.settings.history_start)
        covered = whole_partitions(group, window, now)
        told = whole_partitions_text(group, window, covered)
        if told:
            console.print(told)
        if dry_run:
            foretell(console, site, instance, group, covered, {"recheck": recheck})
            return
        fed = [aggregate for aggregate in site.aggregates if aggregate.source in group.feeds]
        fill(console, site, instance, group, covered, {"recheck": recheck}, fed)


def refresh(console: Console, start: str, end: str) -> None:
    """Make all aggregates anew over exactly one range of dates or instants."""
    history_start = load_settings().history_start
    window = read_window(start, end, now=datetime.now(timezone.utc), history_start=history_start)
    with open_site(console, source=False) as site, open_instance() as instance:
        require_migrated(console, site, instance)
        with progress_bars(console):
            outcome = refresh_site(site, instance, site.aggregates, window, only_changed=False)
        print_refresh(console, site.aggregates, outcome)


def foretell(
    console: Console,
    site: Site,
    instance: dg.DagsterInstance,
    group: Group,
    covered: Window,
    config: Mapping[str, Any],
) -> None:
    """Print what a run with this configuration would do; write nothing."""
    refuse_unmigrated(len(site.installation.migrator().status().pending))
    outcome = _materialize(console, site, instance, group, covered, {**config, "dry_run": True})
    raise_failure(outcome)
    print_estimate(console, outcome)


def fill(
    console: Console,
    site: Site,
    instance: dg.DagsterInstance,
    group: Group,
    covered: Window,
    config: Mapping[str, Any],
    fed: Sequence[Aggregate],
) -> None:
    """Run a group over whole partitions, refresh what that changed, and print both."""
    require_migrated(console, site, instance)
    started = time.monotonic()
    outcome = _materialize(console, site, instance, group, covered, config)
    seconds = time.monotonic() - started
    # Also after a failure: what was committed before it is to be seen.
    with progress_bars(console):
        refreshed = refresh_site(site, instance, fed, covered, only_changed=True)
    raise_failure(outcome)
    summary = summarize_backfill(outcome.materializations)
    console.print(backfill_table({group.asset: (summary, seconds)}))
    print_list(console, "left out, and why", skipped_lines({group.asset: summary}))
    print_refresh(console, fed, refreshed)


def require_migrated(console: Console, site: Site, instance: dg.DagsterInstance) -> None:
    """Migrate a database that lacks something, since every command may be the first."""
    if site.installation.migrator().status().pending:
        migrate_site(console, site, instance)


def raise_failure(outcome: Outcome) -> None:
    """Raise RunFailed with what the run said, if it failed."""
    if outcome.failure:
        raise RunFailed(f"{outcome.failure} (run {outcome.run_id})")


def _materialize(
    console: Console,
    site: Site,
    instance: dg.DagsterInstance,
    group: Group,
    covered: Window,
    config: Mapping[str, Any],
) -> Outcome:
    tags = group.grid.tags(covered)
    with progress_bars(console):
        return materialize(site.definitions, instance, [group.key], tags=tags, config=config)


def _judge_backfill(asset: str, start: str, end: str) -> None:
    settings = load_settings()
    now = datetime.now(timezone.utc)
    group = choose_group(backfill_groups(settings.history_start), asset)
    window = read_window(start, end, now=now, history_start=settings.history_start)
    whole_partitions(group, window, now)


def refresh_site(
    site: Site,
    instance: dg.DagsterInstance,
    aggregates: Sequence[Aggregate],
    window: Window,
    *,
    only_changed: bool,
) -> Outcome:
    """Refresh aggregates in one run: what was noted as changed, or all of the window anew."""
    covered = site.weeks.covering(window, site.installation.now())
    if covered is None:
        raise RunFailed(f"the aggregates have no partition in {window}")
    exact = between(max(window.start, covered.start), min(window.end, covered.end)) or covered
    return materialize(
        site.definitions,
        instance,
        [aggregate.key for aggregate in aggregates],
        tags=site.weeks.tags(covered),
        config={
            "only_changed": only_changed,
            # What a person asks for is done, whatever a log says of it.
            "rebuild": not only_changed,
            "window_from": exact.start.isoformat(),
            "window_to": exact.end.isoformat(),
        },
    )


def print_refresh(console: Console, aggregates: Sequence[Aggregate], outcome: Outcome) -> None:
    """Print what a refresh did, or raise what it said when it failed."""
    raise_failure(outcome)
    by_key = {m.asset_key: summarize_refresh(m) for m in outcome.materializations}
    console.print(refresh_table({a.table: by_key[a.key] for a in aggregates}, {}))
