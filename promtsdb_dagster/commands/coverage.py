"""Print and draw what is stored of every metric."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from promtsdb_dagster.adapters.coverage_layout import (
    ABSENT,
    ANY,
    EXPIRED,
    HOURS,
    MINUTES,
    MISSING,
    MOST_COLUMNS,
    QUARTERS,
    UNKNOWN,
    Look,
    look_of,
)
from promtsdb_dagster.adapters.coverage_picture import draw, percent
from promtsdb_dagster.commands.environment import Site, open_site
from promtsdb_dagster.commands.ranges import read_window
from promtsdb_dagster.core.coverage import Coverage, Kind, Row, State
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.errors import InputError

_BAR = 32
# One sign and one colour each, for those who see no colour too.
_SIGNS = {
    MINUTES: ("█", "blue"),
    QUARTERS: ("▓", "blue"),
    HOURS: ("▒", "cyan"),
    ANY: ("▒", "white"),
    UNKNOWN: ("?", "bold yellow"),
    MISSING: ("!", "bold red"),
    ABSENT: ("·", "bright_black"),
    EXPIRED: (" ", ""),
}


def coverage(console: Console, start: str | None, end: str | None, output: Path | None) -> None:
    """Print a line for each metric and write the picture; changes nothing in the database.

    Without dates it begins where anything is stored or may be fetched.
    """
    with open_site(console, source=False) as site:
        found = _survey(site, start, end)
        path = output or site.installation.coverage_file()
        _write(path, draw(found))
    console.print(coverage_table(found))
    for remark in found.remarks:
        console.print(f"  - {remark}", markup=False, highlight=False)
    told = percent(found.share) or "nothing"
    console.print(
        f"{len(found.rows)} metrics, {told} of what the source has or may have is stored; the "
        f"picture is {path}",
        markup=False,
        soft_wrap=True,
    )


def coverage_table(found: Coverage) -> Table:
    """Return a line for each metric, with a bar of its time."""
    legend = Text("  ").join(
        Text.assemble(_SIGNS[look], " ", (look.words, "dim")) for look in _SIGNS if look is not ANY
    )
    table = Table(caption=legend, caption_justify="left", show_edge=False)
    span = found.span
    table.add_column("metric", overflow="fold")
    table.add_column(f"{span.start:%Y-%m-%d} .. {span.end:%Y-%m-%d %H:%M}", no_wrap=True)
    for name in ("stored", "missing", "not asked"):
        table.add_column(name, justify="right", no_wrap=True)
    schema = None
    for row in found.rows:
        if row.schema != schema:
            if schema is not None:
                table.add_section()
            schema = row.schema
            table.add_row(Text(schema or "in the rules, never seen", "bold"))
        table.add_row(
            f"  {row.name}",
            bar_of(row),
            percent(row.share),
            *(_hours(row.hours(state)) for state in (State.MISSING, State.UNKNOWN)),
        )
    return table


def bar_of(row: Row) -> Text:
    """Return the time of a metric in few signs; what is missing shows, however short."""
    bar = Text()
    width = min(_BAR, len(row.cells))
    for place in range(width):
        first, past = (len(row.cells) * n // width for n in (place, place + 1))
        bar.append(*_SIGNS[_look(row.cells[first:past])])
    return bar


def _look(cells: tuple[Counter[Kind], ...]) -> Look:
    hours: Counter[Look] = Counter()
    for cell in cells:
        for kind, count in cell.items():
            hours[look_of(kind)] += count
    for look in (MISSING, UNKNOWN):
        if hours[look]:
            return look
    return hours.most_common(1)[0][0] if hours else EXPIRED


def _hours(count: int) -> str:
    return f"{count:,} h" if count else ""


def _survey(site: Site, start: str | None, end: str | None) -> Coverage:
    now, begin = site.installation.now(), site.settings.history_start
    window = read_window(
        start or f"{begin:%Y-%m-%d}", end or f"{now:%Y-%m-%dT%H:%M}", now=now, history_start=begin
    )
    whole = Window(window.start, min(window.end, now))
    return site.installation.coverage().run(whole, now, most_columns=MOST_COLUMNS, trim=not start)


def _write(path: Path, picture: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture)
    except OSError as error:
        raise InputError(
            f"the picture cannot be written to {path}: {error.strerror}; wanted a file in a folder "
            "that may be written, choose another with --output"
        ) from error
