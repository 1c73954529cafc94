"""Show the whole pipeline once: history, refreshes, answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dagster as dg
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar

from promtsdb_dagster.adapters.answers import Answers
from promtsdb_dagster.commands import daemon
from promtsdb_dagster.commands.arrivals import Arrivals
from promtsdb_dagster.commands.environment import Site, open_site
from promtsdb_dagster.commands.headless import migrate_site, raise_failure
from promtsdb_dagster.commands.home import end_orphans, open_instance, prepare_home
from promtsdb_dagster.commands.lock import only_daemon
from promtsdb_dagster.commands.progress import is_live
from promtsdb_dagster.commands.runs import run_job
from promtsdb_dagster.commands.summaries import (
    BackfillSummary,
    RefreshSummary,
    summarize_backfill,
    summarize_refresh,
)
from promtsdb_dagster.commands.tables import (
    answer_table,
    backfill_table,
    print_list,
    refresh_table,
    skipped_lines,
    state_table,
)
from promtsdb_dagster.commands.watching import History, Watch
from promtsdb_dagster.commands.welcome import print_after_demo
from promtsdb_dagster.defs.history import JOB
from promtsdb_dagster.defs.reporting import counted
from promtsdb_dagster.defs.services import SERVICES

_QUESTIONS = {
    "ask_token_metrics": "api.get_all_latest_token_metrics('mainnet')",
    "ask_running_totals": "api.get_all_latest_cumsum_metrics()",
    "ask_coordinates": "api.get_latest_geo_coordinates()",
}


def demo(console: Console) -> None:
    """Bring the history up to date through the daemon, and print what that gave."""
    started = time.monotonic()
    home = prepare_home()
    # The lock first: who has `make up` running is to be told before anything starts.
    with only_daemon(home) as lock, open_site(console) as site, open_instance() as instance:
        ended = end_orphans(instance)
        if ended:
            console.print(f"{counted(ended, 'run')} of an earlier command had ended without a word")
        migrate_site(console, site, instance)
        arrivals = Arrivals(site)
        was_empty = site.installation.inventory().is_ledger_empty()
        since = site.installation.now()
        # The button, also on an empty database: the sensor then has one reason more, and still
        # starts one set of runs, whose tag is known here.
        request = run_job(site.definitions, instance, JOB)
        raise_failure(request)
        groups = site.groups_with_history(since)
        watch = Watch(instance, request.run_id, groups, site.aggregates, since)
        log = home / "daemon.log"
        console.print(f"the Dagster daemon starts; its log is {log}", soft_wrap=True)
        with (
            daemon.running(["dagster-daemon", "run", "-w", "workspace.yaml"], lock, log) as process,
            _shown(console, site, watch) as show,
        ):
            history = watch.wait(show, is_alive=lambda: process.poll() is None)
        _report(console, site, instance, history, was_empty=was_empty)
        console.print()
        console.print(arrivals.sentence(lambda: console.print("waiting for the next live rows")))
        print_list(console, "not here, so not shown", site.lacking or _not_configured(site))
    console.print(f"\nall of it took {time.monotonic() - started:.0f} s")
    print_after_demo(console, bundled=site.bundled)


@contextmanager
def _shown(console: Console, site: Site, watch: Watch) -> Iterator[Callable[[History], None]]:
    """Lend what shows a state: a table that moves on a terminal, lines of changes elsewhere."""
    inventory = site.installation.inventory()
    rules = {group.asset: group.rules for group in site.groups}
    if not is_live(console):
        known: dict[str, str] = {}
        begun = time.monotonic()

        def print_changes(history: History) -> None:
            for name, state, _ in history.states(watch.names):
                if known.get(name, "waiting") != state:
                    console.print(f"  {time.monotonic() - begun:4.0f} s  {name} {state}")
                known[name] = state

        yield print_changes
        return
    with Live(console=console, transient=True, refresh_per_second=2) as live:

        def show_table(history: History) -> None:
            rows = {line.group: line.rows_written for line in inventory.progress()}
            states = [
                (name, state, rows.get(rules.get(name, ""), 0), seconds)
                for name, state, seconds in history.states(watch.names)
            ]
            done = sum(state == "done" for _, state, _, _ in states)
            live.update(Group(state_table(states), ProgressBar(len(states), done, width=60)))

        yield show_table


def _report(
    console: Console,
    site: Site,
    instance: dg.DagsterInstance,
    history: History,
    *,
    was_empty: bool,
) -> None:
    backfills: dict[str, tuple[BackfillSummary, float]] = {}
    for asset, record in history.backfills.items():
        seconds = (record.end_time or 0.0) - (record.start_time or 0.0)
        made = _materializations(instance, record.dagster_run.run_id)
        backfills[asset] = (summarize_backfill(made), seconds)
    console.print()
    console.print(backfill_table(backfills))
    summaries = {asset: summary for asset, (summary, _) in backfills.items()}
    console.print(_sentence(summaries, was_empty=was_empty))
    refreshes: dict[str, RefreshSummary] = {}
    for aggregate in site.aggregates:
        run_id = history.refreshes[aggregate.table].dagster_run.run_id
        for made_one in _materializations(instance, run_id):
            if made_one.asset_key == aggregate.key:
                refreshes[aggregate.table] = summarize_refresh(made_one)
    totals = site.installation.inventory().buckets([(a.schema, a.name) for a in site.aggregates])
    console.print(refresh_table(refreshes, totals))
    answers = Answers(site.installation.database())
    for name, title in _QUESTIONS.items():
        console.print(answer_table(title, answers.ask(name)))
    print_list(console, "left out by the backfills, and why", skipped_lines(summaries))


def _not_configured(site: Site) -> list[str]:
    services = site.installation.services()
    absent = [name for name in SERVICES if not services.health(name).configured]
    return [f"{name} is not configured" for name in absent]


def _materializations(instance: dg.DagsterInstance, run_id: str) -> list[dg.AssetMaterialization]:
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    return [entry.asset_materialization for entry in entries if entry.asset_materialization]


def _sentence(summaries: dict[str, BackfillSummary], *, was_empty: bool) -> str:
    written = sum(summary.written for summary in summaries.values())
    windows = sum(summary.windows for summary in summaries.values())
    done = sum(summary.found_done for summary in summaries.values())
    if was_empty:
        return (
            f"the database was empty: {counted(windows, 'window')} and "
            f"{counted(written, 'row')} were stored"
        )
    return (
        f"the database had its history: {done:,} partitions were found done, time has added "
        f"{counted(windows, 'window')} and {counted(written, 'row')}"
    )
