"""Show results on the screen."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from bench.results import Result

_MET = {True: "yes", False: "no", None: ""}
_STYLE = {True: "green", False: "red", None: None}


def number(value: float) -> str:
    """Return a number as people read it: three digits that matter, thousands apart."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{float(f'{value:.3g}'):g}"


def line(result: Result) -> str:
    """Return one result as a sentence."""
    engine = "" if result.engine == "any" else f" ({result.engine})"
    judged = f", target {result.target}: {_MET[result.met]}" if result.target else ""
    return f"  {result.name}{engine}: {number(result.value)} {result.unit}{judged}"


def results_table(results: Sequence[Result]) -> Table:
    """Return one line for each result."""
    table = Table()
    for column in ("name", "engine", "value", "unit", "target", "met"):
        table.add_column(column, justify="right" if column == "value" else "left")
    for each in results:
        cells = (each.name, each.engine, number(each.value), each.unit, each.target)
        table.add_row(*map(escape, cells), _MET[each.met], style=_STYLE[each.met])
    return table
