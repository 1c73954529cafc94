"""Say where everything is, what is left out, and what to do next."""

from __future__ import annotations

from pathlib import Path

import httpx
from rich.console import Console

from promtsdb_dagster.commands.environment import Site
from promtsdb_dagster.commands.tables import print_list

_REMOVE = ".venv/bin/python -m promtsdb_dagster.localstack remove"
_ENV = 'eval "$(.venv/bin/python -m promtsdb_dagster.localstack env)"'


def print_addresses(console: Console, site: Site, dagster_url: str, logs: Path) -> None:
    """Print the address of each service that is there, and the folder of the logs."""
    settings = site.settings
    console.print()
    for name, url in (
        ("Dagster", dagster_url),
        ("the API", settings.api_url),
        ("Prometheus", settings.datasource_url),
        ("vmalert", settings.vmalert_url),
        ("Telegraf", settings.telegraf_metrics_url),
    ):
        if url:
            shown = httpx.URL(url).copy_with(userinfo=b"")
            console.print(f"{name:<12}{shown}", highlight=False, soft_wrap=True)
    console.print(f"{'logs':<12}{logs}/*.log", highlight=False, soft_wrap=True)


def print_lacking(console: Console, site: Site) -> None:
    """Print what the installation does without, or that the source does not answer."""
    print_list(console, "left out, as it is not here", site.lacking)
    if not site.lacking:
        source = site.installation.services().health("prometheus")
        print_list(console, "not well", [] if source.healthy else [source.text])


def print_steps(console: Console, site: Site, dagster_url: str) -> None:
    """Print the next three steps, and how to end it."""
    bundled = f"{_ENV} && " if site.bundled else ""
    _print_next(
        console,
        f"open {dagster_url}/asset-groups: the graph, from the source to the API",
        f"see the first backfill run by itself: {dagster_url}/runs",
        f'in another terminal: `make health`, or {bundled}psql "$DATABASE_URL"',
    )
    console.print("\nCtrl-C stops everything\n")


def print_after_demo(console: Console, *, bundled: bool) -> None:
    """Print what may follow a demo; nothing of it runs any more."""
    _print_next(
        console,
        "`make up`: the same with the Dagster UI, until Ctrl-C",
        "your own servers: docs/how-to/use-your-own-prometheus.md",
        *([f"to forget all of it: `{_REMOVE}`"] if bundled else []),
    )


def _print_next(console: Console, *steps: str) -> None:
    console.print("\n[bold]next[/bold]")
    for number, step in enumerate(steps, start=1):
        console.print(f"  {number}. {step}", markup=False, highlight=False, soft_wrap=True)
