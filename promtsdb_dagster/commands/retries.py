"""Say on the terminal that something is tried again, in a line."""

from __future__ import annotations

import sys

import stamina
from stamina.instrumentation import RetryDetails

_WIDTH = 160


def say_retries() -> None:
    """Let every further try be told on standard error; safe to repeat."""
    # What stamina does by itself is a line without a reason, or one of six lines' width.
    stamina.instrumentation.set_on_retry_hooks([_say])


def _say(details: RetryDetails) -> None:
    # The advice comes with the error, if no try does it.
    reason = str(details.caused_by).partition("; ")[0]
    if len(reason) > _WIDTH:
        reason = f"{reason[:_WIDTH]}..."
    print(f"trying again in {details.wait_for:.1f} s: {reason}", file=sys.stderr)
