"""Show long work on a terminal as a bar that moves; elsewhere lines are enough."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn

from promtsdb_dagster.core.progress import Pace
from promtsdb_dagster.defs.reporting import counted, format_seconds, progress_shown_by


def is_live(console: Console) -> bool:
    """Return whether a person looks at it: variables that force colours make no terminal."""
    return console.is_terminal and console.file.isatty() and not console.is_dumb_terminal


@contextmanager
def progress_bars(console: Console) -> Iterator[None]:
    """Show what reports its progress in the block, each piece of work as a bar of its own."""
    if not is_live(console):
        yield
        return
    columns = [
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TextColumn("{task.fields[said]}"),
    ]
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console, transient=True) as bars:

        def show(about: str, pace: Pace, what: str) -> None:
            if about not in tasks:
                tasks[about] = bars.add_task(about, total=pace.total, said="")
            bars.update(
                tasks[about], completed=pace.done, total=pace.total, said=beside(pace, what)
            )

        with progress_shown_by(show):
            yield


def beside(pace: Pace, what: str) -> str:
    """Return what stands beside a bar."""
    words = [counted(pace.amount, "row")] if pace.amount else [what] if what else []
    if pace.amount and pace.amount_per_second is not None:
        words.append(f"{pace.amount_per_second:,.0f} rows/s")
    if 0 < pace.done < pace.total and pace.seconds_left is not None:
        words.append(f"about {format_seconds(pace.seconds_left)} left")
    return ", ".join(words)


class ConsoleLog:
    """Print the lines of work that no run keeps a log of."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def info(self, msg: str) -> None:
        """Print a line."""
        self._console.print(f"  {msg}", markup=False, highlight=False)

    def debug(self, msg: str) -> None:
        """Print nothing: a bar says it."""
