"""Move everything from another database into that of DATABASE_URL."""

from __future__ import annotations

import time

from rich.console import Console

from promtsdb_dagster.adapters.database import Database
from promtsdb_dagster.adapters.moving import Mover
from promtsdb_dagster.commands.progress import ConsoleLog, progress_bars
from promtsdb_dagster.defs.reporting import Report, progress_to
from promtsdb_dagster.settings import load_settings


def move(console: Console, source_url: str) -> None:
    """Copy all tables, make the aggregates, and prove that both databases hold the same."""
    settings = load_settings()
    started = time.monotonic()
    reports: dict[str, Report] = {}

    def report(table: str, done: int, total: int, rows: int) -> None:
        if table not in reports:
            reports[table] = progress_to(ConsoleLog(console), table)
        reports[table](done, total, table, rows)

    with (
        Database(source_url) as source,
        Database(settings.require_database_url()) as target,
        progress_bars(console),
    ):
        for moved in Mover(source, target).move(report):
            sent = f"{moved.rows:,} rows sent" if moved.rows else "the same already"
            console.print(f"{moved.table}: {sent}")
    console.print(
        "all tables hold the same; hours and days are made as well, "
        f"{time.monotonic() - started:.1f} s"
    )
