"""Keep the table of docs/reference/faults.md what the last results say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from faults.results import Result
from faults.table import COLUMNS, cells
from promtsdb_dagster.errors import ConfigurationError
from promtsdb_dagster.settings import ROOT

DOCUMENT = ROOT / "docs" / "reference" / "faults.md"
BEGIN = "<!-- faults: written by `python -m faults --document` -->\n"
END = "<!-- end of faults -->\n"


def rewritten(text: str, results: Sequence[Result]) -> str:
    """Return the page with the block between the marks anew; raises ConfigurationError."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ConfigurationError(
            f"{DOCUMENT.name} has lost its marks {BEGIN.strip()!r} and {END.strip()!r}; put both "
            "back"
        )
    return f"{before}{begin}{block(results)}{end}{after}"


def block(results: Sequence[Result]) -> str:
    """Return the sums of each engine, and a line for each fault and engine."""
    if not results:
        return "Nothing has been tried yet.\n"
    lines = []
    for engine in dict.fromkeys(each.engine for each in results):
        mine = [each for each in results if each.engine == engine]
        lost, doubled, wrong, never = (
            sum(number)
            for number in zip(
                *((r.lost, r.doubled, r.wrong, len(r.never_right)) for r in mine), strict=True
            )
        )
        lines.append(
            f"{engine}: {sum(each.tried for each in mine)} tries, {lost} rows lost, {doubled} "
            f"doubled, {wrong} wrong, {never} tries that did not get right.\n"
        )
    lines += [_line(COLUMNS), _line("---" for _ in COLUMNS)]
    lines += [_line(cells(each)) for each in sorted(results, key=lambda each: each.fault.lower())]
    lines += ["", "| fault | what |", "| --- | --- |"]
    what = {each.fault: each.what for each in results}
    lines += [_line((name, what[name])) for name in sorted(what, key=str.lower)]
    return "\n".join(lines) + "\n"


def _line(row: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
