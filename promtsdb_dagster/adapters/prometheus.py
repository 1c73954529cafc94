"""Ask Prometheus, or anything that speaks its HTTP API."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

import httpx
import stamina
from typing_extensions import Self

from promtsdb_dagster.adapters.discretion import Discretion
from promtsdb_dagster.adapters.http import (
    LOOPBACK_HOSTS,
    PAST_THE_PROXY,
    patience,
    source_url,
    tls,
    unreachable,
)
from promtsdb_dagster.adapters.prometheus_answers import (
    excerpt,
    matrix,
    parse_json,
    raise_for_status,
)
from promtsdb_dagster.core.shown import shortened, shown
from promtsdb_dagster.core.windows import EPOCH, Window, ceil, count_instants
from promtsdb_dagster.errors import (
    SourceIncomplete,
    SourceTooLarge,
)

# Prometheus refuses more: (end - start) / step may be 11,000 at most (web/api/v1/api.go).
MAX_POINTS = 11_000
MAX_ANSWER_BYTES = 128 * 1024 * 1024


class Prometheus:
    """Ask one server, with a limit on requests at once and retries with backoff."""

    def __init__(
        self,
        url: str,
        *,
        username: str | None = None,
        password: str | None = None,
        bearer_token: str | None = None,
        ca_file: Path | None = None,
        tls_insecure: bool = False,
        timeout_seconds: float = 120,
        concurrency: int = 4,
        attempts: int = 6,
    ) -> None:
        given = source_url(url)
        if given.username and not username:
            username, password = given.username, given.password
        # Messages hold the URL, and runs keep their messages.
        self._base = given.copy_with(userinfo=b"")
        self._discretion = Discretion(
            bearer_token, login=(username, password or "") if username else None
        )
        self._slots = BoundedSemaphore(concurrency)
        self._attempts = attempts
        headers = {"Accept": "application/json"}
        if self._base.host in LOOPBACK_HOSTS:
            # There is no wire to save on: compressing took 1.0 of Prometheus' 3.4 s of CPU.
            headers["Accept-Encoding"] = "identity"
        if bearer_token:
            headers["Authorization"] = f"Bearer {bearer_token}"
        self._client = httpx.Client(
            auth=(username, password or "") if username else None,
            headers=headers,
            timeout=timeout_seconds,
            verify=self._base.scheme == "https" and tls(ca_file, insecure=tls_insecure),
            limits=httpx.Limits(max_connections=concurrency),
            mounts=PAST_THE_PROXY,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections; safe to repeat."""
        self._client.close()

    def query_range(self, expr: str, window: Window, step: timedelta) -> list[Mapping[str, Any]]:
        """Return the series of an expression at the multiples of step in the window.

        Raises ValueError for a window beyond the point limit, SourceError for anything but a
        whole answer.
        """
        points = count_instants(window, step)
        if points == 0:
            return []
        if points > MAX_POINTS:
            raise ValueError(
                f"{window} has {points} points at a step of {step}, wanted at most {MAX_POINTS}; "
                "ask for a shorter window"
            )
        first = ceil(window.start, step)
        last = first + (points - 1) * step
        data = self._ask(
            "query_range",
            {
                "query": expr,
                "start": _seconds(first),
                "end": _seconds(last),
                "step": _seconds(EPOCH + step),
            },
        )
        with self._discretion.discreet():
            return matrix(data, expr)

    def clock(self) -> datetime:
        """Return the server's now, in UTC."""
        # When it was evaluated, not what time() says: VictoriaMetrics evaluates that 30 s back.
        answer = self._ask("query", {"query": "vector(1)"}).get("result")
        try:
            return datetime.fromtimestamp(
                float(answer[0]["value"][0]),  # type: ignore[index]  # judged below
                timezone.utc,
            )
        except (TypeError, ValueError, LookupError, OverflowError, OSError):
            raise SourceIncomplete(
                f"{self._base} answered vector(1) with "
                f"{self._discretion.hide(shown(answer))}, wanted one sample; "
                "is DATASOURCE_URL the base URL of a Prometheus?"
            ) from None

    def _ask(self, endpoint: str, form: Mapping[str, str]) -> Mapping[str, Any]:
        url = self._base.copy_with(path=f"{self._base.path.rstrip('/')}/api/v1/{endpoint}")
        for attempt in stamina.retry_context(
            on=patience,
            attempts=self._attempts,
            timeout=None,
            wait_initial=0.2,
            wait_max=20,
        ):
            with attempt, self._slots, self._discretion.discreet():
                return self._ask_once(url, form)
        raise AssertionError("unreachable")  # pragma: no cover

    def _ask_once(self, url: httpx.URL, form: Mapping[str, str]) -> Mapping[str, Any]:
        try:
            with self._client.stream("POST", url, data=form) as response:
                body = _read(response, form)
        except httpx.TransportError as error:
            raise unreachable(url, error) from error
        except httpx.DecodingError as error:
            raise SourceIncomplete(
                f"{url} answered with a body that is not encoded as it says: {error}; wanted a "
                "whole answer; mend the source or the proxy before it, then run the same "
                "partitions again"
            ) from error
        answer = parse_json(body, response)
        raise_for_status(response, answer, form)
        if not isinstance(answer, dict) or answer.get("status") != "success":
            raise SourceIncomplete(
                f"{url} answered without status success: {excerpt(body)}; "
                "is DATASOURCE_URL the base URL of a Prometheus?"
            )
        warnings = answer.get("warnings") or []
        if warnings or answer.get("isPartial"):
            raise SourceIncomplete(
                f"{url} answered with warnings {shown(warnings or ['isPartial'], 400)} to "
                f"{shortened(form['query'])!r}, wanted a whole answer; nothing of this window was "
                "stored; mend the source, then run the same partitions again"
            )
        data = answer.get("data")
        return data if isinstance(data, dict) else {}


def _read(response: httpx.Response, form: Mapping[str, str]) -> bytes:
    if "," in (encoding := response.headers.get("content-encoding", "")):
        # One layer makes of a chunk 64 MB at most, the second 64 GB, before any limit is asked.
        raise SourceIncomplete(
            f"{response.url} answered with Content-Encoding {shortened(encoding)!r}, wanted at "
            "most one; mend the proxy before the source, then run the same partitions again"
        )
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise SourceTooLarge(
                f"the answer to {shortened(form['query'])!r} is larger than "
                f"{MAX_ANSWER_BYTES} bytes; a shorter window may fit"
            )
    return bytes(body)


def _seconds(instant: datetime) -> str:
    return format((instant - EPOCH).total_seconds(), ".15g")
