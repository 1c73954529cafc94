"""Keep the tables of results on a page what the last results say."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bench.results import Result
from bench.table import number
from bench.words import title
from bench.world import ANY
from promtsdb_dagster.errors import ConfigurationError

BEGIN = "<!-- benchmarks: written by `python -m bench --document` -->\n"
END = "<!-- end of benchmarks -->\n"
_COLUMNS = ("postgresql", "timescaledb")


def rewritten(text: str, results: Sequence[Result], only: Collection[str] = ()) -> str:
    """Return a page with the block between the marks anew; raises ConfigurationError.

    `only` names the results that it shall have; none named, it has all that have a target.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ConfigurationError(
            f"the page has lost its marks {BEGIN.strip()!r} and {END.strip()!r}; put both back"
        )
    return f"{before}{begin}{block(results, only)}{end}{after}"


def block(results: Sequence[Result], only: Collection[str] = ()) -> str:
    """Return what was measured where, and a line for each result that has a target."""
    judged = [each for each in results if each.target and (not only or each.name in only)]
    if not judged:
        return "Nothing has been measured yet.\n"
    lines = [
        _measured(judged),
        "",
        "| what | target | PostgreSQL | TimescaleDB |",
        "| --- | --- | --- | --- |",
    ]
    cells = {(each.name, each.engine): each for each in judged}
    for name in dict.fromkeys(each.name for each in judged):
        found = [cells.get((name, engine), cells.get((name, ANY))) for engine in _COLUMNS]
        one = next(each for each in judged if each.name == name)
        row = (title(name), f"{one.target} {one.unit}", *map(_cell, found))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
    return "\n".join(lines) + "\n"


def _cell(result: Result | None) -> str:
    if result is None:
        return ""
    return number(result.value) if result.met else f"**{number(result.value)}**, missed"


def _measured(results: Sequence[Result]) -> str:
    """Return machines and sizes; more than one of a kind when results were kept."""
    facts: dict[str, dict[str, None]] = {}
    for each in results:
        machine = each.detail.get("machine")
        known = {**(machine if isinstance(machine, dict) else {}), **each.detail}
        for name, value in known.items():
            facts.setdefault(name, {})[str(value)] = None
    words = {
        "cores": "{} cores",
        "memory_gb": "{} GB of memory",
        "postgresql": "PostgreSQL {}",
        "timescaledb": "TimescaleDB {}",
        "python": "Python {}",
        "size": "size {}",
    }
    told = [form.format(" and ".join(facts[name])) for name, form in words.items() if name in facts]
    return f"Measured on {', '.join(told)}."
