"""Replace what a wrong rule wrote, without a daemon, recorded where the UI looks."""

from __future__ import annotations

from datetime import datetime, timezone

from rich.console import Console

from promtsdb_dagster.commands.environment import Site, open_site
from promtsdb_dagster.commands.headless import fill, foretell
from promtsdb_dagster.commands.home import open_instance
from promtsdb_dagster.commands.ranges import read_window, whole_partitions
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.defs.groups import Group
from promtsdb_dagster.errors import InputError
from promtsdb_dagster.settings import load_settings


def replace(
    console: Console,
    metric: str,
    start: str,
    end: str,
    *,
    accept_loss: bool,
    dry_run: bool = False,
) -> None:
    """Delete a metric over a range, write what the rules of today say, refresh what is above.

    A dry run only says what would be done.
    """
    # Judged before any server is started: a typing error should cost no time.
    _judge(metric, start, end)
    with open_site(console) as site, open_instance() as instance:
        now = site.installation.now()
        window = read_window(start, end, now=now, history_start=site.settings.history_start)
        group = choose_group(site, metric, window, now)
        covered = whole_partitions(group, window, now)
        config = {
            "replace": True,
            "accept_loss": accept_loss,
            "records": [metric],
            "only": [f"{window.start.isoformat()}/{window.end.isoformat()}"],
        }
        if dry_run:
            foretell(console, site, instance, group, covered, config)
            return
        # All aggregates: a metric that was routed wrongly leaves one table for the other.
        fill(console, site, instance, group, covered, config, site.aggregates)


def choose_group(site: Site, metric: str, window: Window, now: datetime) -> Group:
    """Return the coarsest group that makes a metric and has partitions for all of a window.

    Which one does not matter for what is replaced: all that any group or live row brought.
    """
    rules = site.installation.rules()
    made = {
        group.rules: {rule.record for rule in rules[group.rules].rules} for group in site.groups
    }
    having = [group for group in site.groups if metric in made[group.rules]]
    if not having:
        known = ", ".join(sorted(set().union(*made.values())))
        raise InputError(
            f"no rule makes {metric!r}, wanted one of {known}; for a metric whose rule is gone, "
            "bring the rule back until its rows are replaced"
        )
    for group in having:
        if group.grid.end(now) >= window.end:
            return group
    return having[-1]


def _judge(metric: str, start: str, end: str) -> None:
    if not metric.strip():
        raise InputError("METRIC is not given, wanted a record of the rule files: web_requests")
    now = datetime.now(timezone.utc)
    read_window(start, end, now=now, history_start=load_settings().history_start)
