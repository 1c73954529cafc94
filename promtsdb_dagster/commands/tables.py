"""Print what was done as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from promtsdb_dagster.adapters.answers import Answer
from promtsdb_dagster.commands.summaries import BackfillSummary, RefreshSummary
from promtsdb_dagster.defs.reporting import counted, format_seconds


def backfill_table(summaries: Mapping[str, tuple[BackfillSummary, float]]) -> Table:
    """Return one line for each backfill asset; the number beside a summary is its seconds."""
    table = _table(
        *("backfill", "partitions", "found done", "windows", "rows", "already there", "seconds")
    )
    for asset, (summary, seconds) in summaries.items():
        table.add_row(
            asset,
            f"{summary.partitions:,}",
            f"{summary.found_done:,}",
            f"{summary.windows:,}",
            f"{summary.written:,}",
            f"{summary.present:,}",
            f"{seconds:.1f}",
        )
    return table


def refresh_table(summaries: Mapping[str, RefreshSummary], totals: Mapping[str, int]) -> Table:
    """Return one line for each aggregate; `totals` are the buckets it holds now."""
    table = _table("aggregate", "refreshed windows", "buckets in them", "seconds")
    if totals:
        table.add_column("buckets in all", justify="right")
    for name, summary in summaries.items():
        numbers = [f"{summary.windows:,}", f"{summary.buckets:,}", f"{summary.seconds:.1f}"]
        table.add_row(name, *numbers, *([f"{totals[name]:,}"] if totals else []))
    return table


def answer_table(title: str, answer: Answer) -> Table:
    """Return the rows of an API function."""
    table = Table(title=title, title_justify="left")
    for column in answer.columns:
        table.add_column(column)
    for row in answer.rows:
        table.add_row(*(_text(value) for value in row))
    return table


def skipped_lines(summaries: Mapping[str, BackfillSummary]) -> list[str]:
    """Return what the backfills left out, each reason once with the partitions it met."""
    return [
        f"{asset}: {reason} ({counted(count, 'partition')})"
        for asset, summary in summaries.items()
        for reason, count in summary.skipped.items()
    ]


def print_list(console: Console, title: str, lines: Iterable[str]) -> None:
    """Print a titled list, or nothing when it is empty."""
    known = list(lines)
    if not known:
        return
    console.print(f"\n[bold]{title}[/bold]")
    for line in known:
        console.print(f"  - {line}", markup=False, highlight=False)


def state_table(states: Sequence[tuple[str, str, int, float]]) -> Table:
    """Return how far each asset is: name, state, rows, seconds."""
    table = _table("asset", "rows")
    table.add_column("time", justify="right")
    table.add_column("state")
    for name, state, rows, seconds in states:
        table.add_row(name, f"{rows:,}" if rows else "", format_seconds(seconds), state)
    return table


def _table(first: str, *numbers: str) -> Table:
    table = Table()
    table.add_column(first)
    for number in numbers:
        table.add_column(number, justify="right")
    return table


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return "" if value is None else str(value)
