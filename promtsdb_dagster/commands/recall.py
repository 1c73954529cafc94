"""Tell a Dagster that has lost its memory what the ledger knows to be done."""

from __future__ import annotations

import time

import dagster as dg
from rich.console import Console

from promtsdb_dagster.commands.environment import Site, open_site
from promtsdb_dagster.commands.home import open_instance
from promtsdb_dagster.commands.progress import ConsoleLog, progress_bars
from promtsdb_dagster.core.windows import Window, split
from promtsdb_dagster.defs.groups import Group
from promtsdb_dagster.defs.reporting import Report, progress_to, unreported


def recall(console: Console) -> None:
    """Report every partition that the ledger proves as materialized, without running anything.

    Safe to repeat: what is reported already is left alone.
    """
    with open_site(console, source=False) as site, open_instance() as instance:
        for group in site.groups:
            started = time.monotonic()
            with progress_bars(console):
                report = progress_to(ConsoleLog(console), group.asset, noun="partition")
                reported, known = recall_group(site, instance, group, report)
            console.print(
                f"{group.asset}: {reported} partitions reported, {known} were known, "
                f"{time.monotonic() - started:.1f} s"
            )


def recall_group(
    site: Site, instance: dg.DagsterInstance, group: Group, on_progress: Report = unreported
) -> tuple[int, int]:
    """Report the partitions of one group; return how many, and how many were known."""
    end = group.grid.end(site.installation.now())
    if end <= group.grid.start:
        return 0, 0
    windows = split(Window(group.grid.start, end), group.grid.period, group.grid.start)
    known = instance.get_materialized_partitions(group.key)
    done = site.installation.done_partitions(group.rules, windows)
    lost = [part for part in done if group.grid.key(part.start) not in known]
    for done_now, part in enumerate(lost):
        on_progress(done_now, len(lost), amount=done_now)
        instance.report_runless_asset_event(
            dg.AssetMaterialization(
                group.key,
                partition=group.grid.key(part.start),
                description="verified by the ledger in the database; nothing was run",
                metadata={"window": str(part), "found_done": True, "recalled": True},
            )
        )
    on_progress(len(lost), len(lost), amount=len(lost))
    return len(lost), len(known)
