"""Turn results into metadata, progress into log lines, and errors into failures."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
from dagster import InitLoggerContext

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


def progress_to(
    say: Callable[[str], None],
    *,
    clock: Callable[[], float] = time.monotonic,
    every: float = SECONDS_BETWEEN_LINES,
) -> Callable[[int, int, str], None]:
    """Return a callback (done, total, what) that says how far the work is, now and then.

    The time left supposes that the rest goes as fast as what is done.
    """
    started = said_at = clock()

    def report(done: int, total: int, what: str) -> None:
        nonlocal said_at
        now = clock()
        if now - said_at < every or not 0 < done < total:
            return
        said_at = now
        left = (now - started) / done * (total - done)
        say(f"{100 * done / total:.0f} %, {what}, about {format_seconds(left)} left")

    return report


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
    """Write what assets say to stdout, one line each."""
    logger = logging.Logger("promtsdb", logging.INFO)
    handler = logging.StreamHandler()
    handler.setFormatter(_OnlyWords())
    # Dagster's events are logged at DEBUG, failures at ERROR: the caller prints those once, whole.
    handler.addFilter(lambda record: record.levelno < logging.ERROR)
    logger.addHandler(handler)
    return logger
