"""Turn results into metadata, progress into log lines, and errors into failures."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

import dagster as dg
from dagster import InitLoggerContext

from promtsdb_dagster.core.progress import Pace, Stopwatch
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.errors import PromtsdbError

SECONDS_BETWEEN_LINES = 5.0
_MOST_WINDOWS = 20


@contextmanager
def failures_explained() -> Iterator[None]:
    """Turn an error of this project into a failure that says it in its first line."""
    try:
        yield
    except PromtsdbError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error


class Log(Protocol):
    """Take lines; a run's log, or any logger."""

    def info(self, msg: str) -> None:
        """Take a line that everybody should see."""

    def debug(self, msg: str) -> None:
        """Take a line for the record."""


class Report(Protocol):
    """Take how much is done of how much, what was done last, and how many rows that moved."""

    def __call__(self, done: int, total: int, what: str = "", amount: int = 0) -> None:
        """Say it, now and then."""


def unreported(done: int, total: int, what: str = "", amount: int = 0) -> None:
    """Say nothing."""


# What is worked on, how far it is, what was done last.
Watcher = Callable[[str, Pace, str], None]
_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


@contextmanager
def progress_shown_by(watcher: Watcher) -> Iterator[None]:
    """Give a terminal every step of the work in the block; the log keeps its lines to itself."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def show_step(about: str, done: int, total: int, what: str) -> None:
    """Move the bar of whoever looks; for work whose every step is a line of the log anyway."""
    watcher = _watcher.get()
    if watcher:
        watcher(about, Pace(done, total, 0, 0.0, None, None), what)


def progress_to(
    log: Log,
    about: str,
    *,
    noun: str = "row",
    clock: Callable[[], float] = time.monotonic,
    every: float = SECONDS_BETWEEN_LINES,
) -> Report:
    """Return what says how far the work is: at once, then now and then, and at the end.

    The time left supposes that the rest goes as fast as what was done lately.
    """
    watcher = _watcher.get()
    # Who looks at a bar needs no lines; the run keeps them.
    say = log.debug if watcher else log.info
    watch = Stopwatch(clock())
    said_at: float | None = None

    def report(done: int, total: int, what: str = "", amount: int = 0) -> None:
        nonlocal said_at
        now = clock()
        pace = watch.mark(now, done, total, amount)
        if watcher:
            watcher(about, pace, what)
        if total and (said_at is None or now - said_at >= every or done == total):
            said_at = now
            say(pace_line(pace, what, noun))

    return report


def pace_line(pace: Pace, what: str, noun: str = "row") -> str:
    """Return how far work is, in words."""
    words = [f"{pace.percent} %"]
    moved = [counted(pace.amount, noun)] if pace.amount else []
    if not pace.done:
        return ", ".join([*words, f"{counted(pace.total, 'piece')} of work to do"])
    if pace.done == pace.total:
        words += [*moved, f"{format_seconds(pace.seconds)} in all"]
        rate = pace.amount / pace.seconds if pace.seconds else None
    else:
        words += [*moved, *([what] if what else [])]
        rate = pace.amount_per_second
    if pace.amount and rate is not None:
        words.append(f"{rate:,.0f} {noun}s/s")
    if pace.done < pace.total and pace.seconds_left is not None:
        words.append(f"about {format_seconds(pace.seconds_left)} left")
    return ", ".join(words)


def format_seconds(seconds: float) -> str:
    """Return a duration in the unit a person would choose."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, as a person would say it."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def window_list(windows: Iterable[Window]) -> dg.JsonMetadataValue:
    """Return windows as metadata; long lists are cut and say so."""
    texts = [str(window) for window in windows]
    rest = len(texts) - _MOST_WINDOWS
    return dg.MetadataValue.json(
        texts if rest <= 0 else [*texts[:_MOST_WINDOWS], f"... and {rest} more"]
    )


class _OnlyWords(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        meta: Any = getattr(record, "dagster_meta", None) or {}
        words = meta.get("orig_message") or record.getMessage()
        subject = (meta.get("step_key") or "").replace("__", "/")
        return f"{subject}: {words}" if subject else str(words)


@dg.logger({}, description="Only what assets say; for the command line.")
def plain_logger(_: InitLoggerContext) -> logging.Logger:
    """Write what assets say to stderr, one line each."""
    logger = logging.Logger("promtsdb", logging.INFO)
    handler = logging.StreamHandler()
    handler.setFormatter(_OnlyWords())
    # Dagster's events are logged at DEBUG, failures at ERROR: the caller prints those once, whole.
    handler.addFilter(lambda record: record.levelno < logging.ERROR)
    # A dry run materializes nothing, so Dagster leaves out the checks of it, and says so.
    handler.addFilter(lambda record: "Skipping step" not in record.getMessage())
    logger.addHandler(handler)
    return logger
