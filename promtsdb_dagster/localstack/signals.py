"""What the starter of a stack does about Ctrl-C and its like."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType


@contextlib.contextmanager
def ending_on_signals() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into SystemExit, as Ctrl-C already is KeyboardInterrupt."""

    def end(number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + number)

    with _handlers((signal.SIGTERM, signal.SIGHUP), end):
        yield


@contextlib.contextmanager
def deaf_to_signals() -> Iterator[None]:
    """Ignore a second Ctrl-C while services stop; every stop has a deadline."""
    with _handlers((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), lambda *_: None):
        yield


@contextlib.contextmanager
def _handlers(
    numbers: tuple[signal.Signals, ...], handler: Callable[[int, FrameType | None], object]
) -> Iterator[None]:
    # Only the main thread may set handlers; elsewhere its owner decides.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
