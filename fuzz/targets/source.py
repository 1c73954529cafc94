"""Any bytes of any answer: rows that can be stored, or an error of ours that a person can read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import httpx

from fuzz.judging import judge_rows
from promtsdb_dagster.adapters.prometheus import Prometheus
from promtsdb_dagster.core.rules import Rule
from promtsdb_dagster.core.samples import Routing, convert
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.errors import RuleError, SourceError

# Messages go into logs and into Dagster's storage.
LONGEST_MESSAGE = 2_000
_HOUR = timedelta(hours=1)
_START = datetime(2026, 1, 1, tzinfo=timezone.utc)
_WINDOW = Window(_START, _START + 4 * _HOUR)
_RULE = Rule("backfill_1w", "Up", "up", {"job": "a"}, "rules.yaml", 3)
_ROUTING = Routing(geo=frozenset({"place"}), cumulative=frozenset({"up"}))


class _Body(httpx.SyncByteStream):
    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        yield self._body[: len(self._body) // 2]
        yield self._body[len(self._body) // 2 :]


class _Scripted(httpx.BaseTransport):
    """Give one answer to everything."""

    def __init__(self) -> None:
        self.status, self.headers, self.body = 200, {"Content-Type": "application/json"}, b""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(self.status, headers=self.headers, stream=_Body(self.body))


_TRANSPORT = _Scripted()
_SOURCE = Prometheus("http://localhost:9090", attempts=1)
_SOURCE._client = httpx.Client(transport=_TRANSPORT, trust_env=False)


def check(data: bytes) -> None:
    """Take `<status> <content encoding>`, a line feed, and the body."""
    head, _, _TRANSPORT.body = data.partition(b"\n")
    status, _, encoding = head.decode("ascii", "ignore").partition(" ")
    _TRANSPORT.status = int(status) if re.fullmatch("[2-5][0-9]{2}", status) else 200
    _TRANSPORT.headers = {"Content-Type": "application/json"}
    if encoding in ("gzip", "deflate"):
        _TRANSPORT.headers["Content-Encoding"] = encoding
    try:
        series = _SOURCE.query_range("up", _WINDOW, _HOUR)
        converted = convert(_RULE, series, window=_WINDOW, step=_HOUR, routing=_ROUTING)
    except (SourceError, RuleError) as error:
        assert len(str(error)) <= LONGEST_MESSAGE, f"a message of {len(str(error))} characters"
    else:
        judge_rows(converted, name="up")
    try:
        assert _SOURCE.clock().tzinfo is timezone.utc
    except SourceError as error:
        assert len(str(error)) <= LONGEST_MESSAGE, f"a message of {len(str(error))} characters"
