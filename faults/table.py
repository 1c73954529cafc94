"""Show results on the screen."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from faults.results import Result

COLUMNS = (
    *("fault", "engine", "tried", "lost", "doubled", "wrong"),
    *("until right, median", "worst", "ends by"),
)


def cells(result: Result) -> tuple[str, ...]:
    """Return a result as one line of a table."""
    times = (result.median_seconds, result.worst_seconds)
    never = f", never right: {len(result.never_right)}" if result.never_right else ""
    return (
        result.fault,
        result.engine,
        str(result.tried),
        str(result.lost),
        str(result.doubled),
        str(result.wrong),
        *("" if each is None else f"{each:.1f} s" for each in times),
        result.ends_by + never,
    )


def results_table(results: Sequence[Result]) -> Table:
    """Return one line for each result."""
    table = Table()
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in COLUMNS[:2] else "right")
    for each in results:
        table.add_row(*map(escape, cells(each)), style="green" if each.good else "red")
    return table


def line(result: Result) -> str:
    """Return one result as a sentence."""
    name, engine, tried, lost, doubled, wrong, middle, worst, ends = cells(result)
    return (
        f"{name} ({engine}): {tried} tried, {lost} lost, {doubled} doubled, {wrong} wrong, "
        f"right after {middle}, at worst {worst}, ends by {ends}"
    )
