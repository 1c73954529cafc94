"""Send messages from a tick, and keep in its cursor what could not be sent."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import dagster as dg

from promtsdb_dagster.core.notices import Attempts, Message, Notifier
from promtsdb_dagster.core.shown import shortened
from promtsdb_dagster.defs.reasons import NotifyChecks, NotifyFailures, some
from promtsdb_dagster.defs.reporting import counted
from promtsdb_dagster.errors import PromtsdbError

# Of what a notifier says is in its way.
_MOST_CHARACTERS = 400


def deliver(
    context: dg.SensorEvaluationContext,
    notifier: Notifier,
    message: Message,
    attempts: Attempts,
    now: datetime,
) -> Attempts:
    """Send a message unless it is too early to; return no attempts when it was taken."""
    if attempts.waits(now):
        return attempts
    try:
        notifier.send(message)
    except PromtsdbError as error:
        problem = shortened(str(error), _MOST_CHARACTERS)
    # Whatever another's notifier raises must not end this sensor, nor be shown: it may hold a URL.
    except Exception as error:
        problem = f"{type(notifier).__name__} raised {type(error).__name__}"
    else:
        return Attempts()
    context.log.warning(f"{problem}\n{message.text}")
    return attempts.one_more(now, problem)


def not_told(
    reasons: type[NotifyFailures | NotifyChecks], message: Message, attempts: Attempts
) -> dg.SkipReason:
    """Return why people were not told."""
    return reasons.NOT_TOLD(
        message=in_short(message),
        tries=counted(attempts.count, "time"),
        problem=attempts.problem,
        until=attempts.again_at(),
    )


def in_short(message: Message) -> str:
    """Return a message in a line."""
    sentences = [notice.sentence for notice in message.notices]
    return f"{message.title}: {some(sentences, 2)}"


def attempts_of(known: Mapping[str, Any]) -> Attempts:
    """Return what `kept` kept."""
    at = known.get("tried_at")
    return Attempts(
        known.get("tries", 0), datetime.fromisoformat(at) if at else None, known.get("problem", "")
    )


def kept(attempts: Attempts) -> dict[str, Any]:
    """Return what `attempts_of` reads."""
    at = attempts.at.isoformat() if attempts.at else None
    return {"tries": attempts.count, "tried_at": at, "problem": attempts.problem}
