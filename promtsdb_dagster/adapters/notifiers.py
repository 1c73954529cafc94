"""Tell people: in the log, or by a webhook whose URL is a secret."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx
import stamina

from promtsdb_dagster.adapters.discretion import Discretion
from promtsdb_dagster.adapters.http import PAST_THE_PROXY
from promtsdb_dagster.core.notices import Message, Notice, Notifier
from promtsdb_dagster.core.shown import shortened
from promtsdb_dagster.errors import NotifierError

Format = Literal["json", "slack"]

_log = logging.getLogger("promtsdb")
# Together below the minute after which Dagster gives up a tick, and with it what it has learned.
_ATTEMPTS = 3
_SECONDS_OF_ATTEMPTS = 20.0
_TIMEOUT_SECONDS = 8.0
_JSON = {"Content-Type": "application/json"}
# Discord refuses more than 2,000 characters, Rocket.Chat 5,000, and what is refused comes again.
_MOST_IN_SLACK = 1_900
# Shorter pieces of a URL are nobody's secret.
_SHORTEST_PIECE = 8


class LogNotifier:
    """Write messages to the log of the code location."""

    def send(self, message: Message) -> None:
        """Write one message."""
        _log.warning(message.text)


class WebhookNotifier:
    """POST messages to a URL; neither errors nor logs show more of it than the host."""

    def __init__(
        self, url: str, body: Format = "json", *, timeout_seconds: float = _TIMEOUT_SECONDS
    ) -> None:
        """Know where to, and in which form."""
        parts = urlsplit(url)
        self._url = url
        self._host = parts.hostname
        self._body = _BODIES[body]
        self._timeout = timeout_seconds
        whole = (url, parts.path.strip("/"), parts.query)
        pieces = re.split("[/?&=]", f"{parts.path}?{parts.query}")
        secrets = (piece for piece in pieces if len(piece) >= _SHORTEST_PIECE)
        self._discretion = Discretion(*whole, *secrets, urls=(url,))

    def send(self, message: Message) -> None:
        """Deliver a message; raise NotifierError when no try of three was answered with 2xx."""
        # All of it ASCII: a broken letter in a file's name must not keep every later message.
        body = json.dumps(self._body(message)).encode()
        for attempt in stamina.retry_context(
            on=_may_pass,
            attempts=_ATTEMPTS,
            timeout=_SECONDS_OF_ATTEMPTS,
            wait_initial=0.5,
            wait_max=2.0,
        ):
            with attempt:
                self._post(body)

    def _post(self, body: bytes) -> None:
        try:
            with (
                _unnamed(self._discretion),
                httpx.Client(timeout=self._timeout, mounts=PAST_THE_PROXY) as client,
                client.stream("POST", self._url, content=body, headers=_JSON) as response,
            ):
                # What is said with a yes may never end, and is not waited for.
                said = "" if response.is_success else _beginning(response)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            said = self._discretion.hide(shortened(f"{type(error).__name__} {error}"))
            # It may have taken the message all the same, and would get it three times.
            slow = isinstance(error, httpx.ReadTimeout)
            # Not `from error`: its request knows the URL.
            raise (NotifierError if slow else _Passing)(
                f"the webhook at {self._host} did not answer: {said}; wanted 2xx; check that it "
                "can be reached from the code location, and NOTIFY_WEBHOOK_URL"
            ) from None
        if response.is_success:
            return
        said = self._discretion.hide(shortened(said.strip()))
        text = (
            f"the webhook at {self._host} answered {response.status_code} {said!r}, wanted 2xx; "
            "check NOTIFY_WEBHOOK_URL and NOTIFY_WEBHOOK_FORMAT"
        )
        passing = response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error
        raise (_Passing if passing else NotifierError)(text)


def _beginning(response: httpx.Response) -> str:
    """Return the first piece of what was answered, however long that is."""
    return next(response.iter_text(), "")


def notifier_for(url: str | None, body: Format) -> Notifier:
    """Return the webhook's notifier, or the log's where there is no URL."""
    return WebhookNotifier(url, body) if url else LogNotifier()


class _Passing(NotifierError):
    """It may work a second later."""


def _may_pass(error: Exception) -> bool:
    return isinstance(error, _Passing)


def _as_json(message: Message) -> dict[str, Any]:
    return {
        "title": message.title,
        "text": message.text,
        "about": message.about,
        "notices": [
            {
                "subject": notice.subject,
                "state": notice.state,
                "text": notice.text,
                "since": notice.since.isoformat(),
                "count": notice.count,
                "partitions": notice.partitions,
                "run_id": notice.run_id,
                "url": notice.url,
            }
            for notice in message.notices
        ],
    }


def _as_slack(message: Message) -> dict[str, Any]:
    text, left = f"*{_escaped(message.title)}*", len(message.notices)
    for notice in message.notices:
        line = f"\n• {_escaped(notice.sentence)}{_link(notice)}"
        if len(text) + len(line) > _MOST_IN_SLACK:
            break
        text, left = text + line, left - 1
    return {"text": f"{text}\n• and {left:,} more" if left else text}


def _link(notice: Notice) -> str:
    return f" <{notice.url}|open>" if notice.url else ""


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


_BODIES: Mapping[Format, Callable[[Message], dict[str, Any]]] = {
    "json": _as_json,
    "slack": _as_slack,
}


@contextmanager
def _unnamed(discretion: Discretion) -> Iterator[None]:
    """Hide the URL in what httpx logs of its requests, whoever listens."""

    def hide(record: logging.LogRecord) -> bool:
        record.msg, record.args = discretion.hide(record.getMessage()), ()
        return True

    logger = logging.getLogger("httpx")
    logger.addFilter(hide)
    try:
        yield
    finally:
        logger.removeFilter(hide)
