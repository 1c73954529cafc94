"""Wait for something with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable


class NeverCame(Exception):
    """What was waited for did not come in time; the text says what."""


def until(condition: Callable[[], object], seconds: float, what: str, every: float = 0.02) -> None:
    """Return when the condition is true; raise NeverCame when it is not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise NeverCame(f"not within {seconds:g} s: {what}")
        time.sleep(every)
