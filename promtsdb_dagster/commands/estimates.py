"""Print what a dry run foretold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from promtsdb_dagster.commands.runs import Outcome
from promtsdb_dagster.commands.tables import print_list
from promtsdb_dagster.defs.reporting import counted, format_seconds
from promtsdb_dagster.errors import InputError

_MOST_LINES = 40
_WIDE = 110
_COLUMNS = {
    "windows": "windows",
    "rules": "rules",
    "queries": "queries",
    "instants": "instants",
    "rows_expected": "rows",
    "rows_done": "done",
    "rows_to_delete": "delete",
    "rows_to_write": "write",
    "rows_already_there": "there",
}


def refuse_unmigrated(pending: int) -> None:
    """Raise InputError where a dry run has no tables to look at."""
    if pending:
        raise InputError(
            f"the database lacks {counted(pending, 'migration')}, and a dry run applies none; run "
            "`make migrate`, then the dry run again"
        )


def print_estimate(console: Console, outcome: Outcome) -> None:
    """Print the observation of a dry run."""
    for observation in outcome.observations:
        told: dict[str, Any] = {key: value.value for key, value in observation.metadata.items()}
        lines = [dict(record.data) for record in told["by_partition"].records]
        console.print(estimate_table(lines, told, wide=console.width >= _WIDE))
        about = "" if told["rows_counted"] == "each" else "some of the rows are estimated; "
        console.print(
            f"{about}it would take about {format_seconds(told['expected_seconds'])}, at "
            f"{told['rows_per_second']:,.0f} rows/s: {told['rate_from']}",
            soft_wrap=True,
            markup=False,
        )
        if told["would_be_refused"] != "no":
            console.print(f"it would be refused: {told['would_be_refused']}", markup=False)
        print_list(console, "would be left out, and why", left_out(told["left_out"]))
    console.print("nothing was written: this was a dry run")


def estimate_table(
    lines: Sequence[dict[str, Any]], told: dict[str, Any], *, wide: bool = True
) -> Table:
    """Return one line a partition, the newest when there are many, and the sums."""
    unsaid = set() if wide else {"windows", "rules", "queries"}
    if not told["rows_to_delete"]:
        unsaid.add("rows_to_delete")
    names = [name for name in _COLUMNS if name not in unsaid]
    table = Table(show_footer=True)
    table.add_column("partition", footer=f"all {told['partitions']:,}", min_width=10)
    for name in names:
        total = told.get(name, sum(line[name] for line in lines))
        table.add_column(
            _COLUMNS[name], footer="" if name == "rules" else f"{total:,}", justify="right"
        )
    if older := lines[:-_MOST_LINES]:
        sums = [f"{sum(line[name] for line in older):,}" for name in names]
        table.add_row(f"{len(older)} older", *sums)
    for line in lines[-_MOST_LINES:]:
        table.add_row(line["partition"], *(f"{line[name]:,}" for name in names))
    return table


def left_out(texts: Sequence[str]) -> list[str]:
    """Return each reason once, with the number of partitions that it met."""
    # A text is a partition, a reason, and the windows it concerns.
    reasons = Counter(": ".join(text.split(": ")[1:2]) for text in texts)
    return [f"{reason} ({counted(count, 'partition')})" for reason, count in reasons.items()]
