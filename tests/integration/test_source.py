"""Anything but a whole answer is an error that says what to do."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta, timezone
from pathlib import Path

import orjson
import pytest

from promtsdb_dagster.adapters import prometheus
from promtsdb_dagster.adapters.http import patience
from promtsdb_dagster.adapters.prometheus import Prometheus
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.errors import (
    ConfigurationError,
    SourceIncomplete,
    SourceRejected,
    SourceTooLarge,
    SourceUnavailable,
)
from tests.doubles.scripted_http import Answer, ScriptedServer, scripted

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
WINDOW = Window(START, START + timedelta(hours=4))
HOUR = timedelta(hours=1)


def asking(server: ScriptedServer, attempts: int = 1) -> Prometheus:
    return Prometheus(server.url, attempts=attempts, timeout_seconds=5)


def json_answer(code: int = 200, /, **answer: object) -> Answer:
    return Answer(orjson.dumps(answer), code)


WHOLE = json_answer(
    status="success",
    data={"resultType": "matrix", "result": [{"metric": {}, "values": [[1767225600, "1"]]}]},
)


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (
            Answer(b"<html>login</html>", content_type="text/html"),
            SourceIncomplete,
            "text/html that is not JSON .* is DATASOURCE_URL the base URL of a Prometheus",
        ),
        (Answer(WHOLE.body[:40]), SourceIncomplete, "is not JSON"),
        (
            json_answer(
                status="success",
                warnings=["results truncated due to limit"],
                data={"resultType": "matrix", "result": []},
            ),
            SourceIncomplete,
            "warnings .*truncated due to limit.* nothing of this window was stored",
        ),
        (
            json_answer(
                status="success", isPartial=True, data={"resultType": "matrix", "result": []}
            ),
            SourceIncomplete,
            "isPartial",
        ),
        (
            json_answer(status="success", data={"resultType": "scalar", "result": [1, "1"]}),
            SourceIncomplete,
            "type 'scalar', wanted a whole 'matrix'",
        ),
        (json_answer(status="error"), SourceIncomplete, "without status success"),
        (json_answer(401, error="who?"), SourceRejected, "answered 401 .*DATASOURCE_BEARER_TOKEN"),
        (Answer(b"no", 403, "text/plain"), SourceRejected, "answered 403 .*: no; set DATASOURCE"),
        (Answer(b"404 page", 404, "text/plain"), SourceRejected, "without /api/v1"),
        (json_answer(400, error="parse error"), SourceRejected, "parse error; correct the rule"),
        (
            json_answer(422, error="query processing would load too many samples into memory"),
            SourceTooLarge,
            "a shorter window may fit",
        ),
        (
            Answer(b"", 302, headers={"Location": "https://elsewhere/"}),
            SourceRejected,
            "redirects to 'https://elsewhere/'",
        ),
        (json_answer(503, error="overloaded"), SourceUnavailable, "answered 503 .*overloaded"),
        (json_answer(429), SourceUnavailable, "run again later"),
        (
            Answer(WHOLE.body, promised=100),
            SourceUnavailable,
            "did not answer: .*without sending complete message",
        ),
        (
            Answer(WHOLE.body, headers={"Content-Encoding": "gzip"}),
            SourceIncomplete,
            "not encoded as it says",
        ),
    ],
)
def test_what_is_not_a_whole_answer_is_an_error(
    answer: Answer, error: type[Exception], says: str
) -> None:
    with (
        scripted(answer) as server,
        asking(server) as source,
        pytest.raises(error, match=f"(?s){says}"),
    ):
        source.query_range("up", WINDOW, HOUR)


def test_a_passing_failure_is_tried_again() -> None:
    with scripted(json_answer(503), json_answer(429), WHOLE) as server, asking(server, 3) as source:
        [series] = source.query_range("up", WINDOW, HOUR)

        assert series["values"] == [[1767225600, "1"]]
        assert len(server.requests) == 3


def test_a_source_that_says_when_to_come_back_is_left_alone_until_then() -> None:
    said = {"3": 3, "86400": 60, "": True, "Wed, 21 Oct 2026 07:28:00 GMT": True}
    for text, wait in said.items():
        busy = Answer(b"", 429, headers={"Retry-After": text})
        with (
            scripted(busy) as server,
            asking(server) as source,
            pytest.raises(SourceUnavailable) as caught,
        ):
            source.query_range("up", WINDOW, HOUR)
        assert patience(caught.value) == wait


def test_a_refusal_is_not_tried_again() -> None:
    with scripted(json_answer(401)) as server, asking(server, 3) as source:
        with pytest.raises(SourceRejected):
            source.query_range("up", WINDOW, HOUR)
        assert len(server.requests) == 1


def test_a_server_that_is_not_there_is_named() -> None:
    with scripted() as server:
        url = server.url
    with (
        Prometheus(url, attempts=2) as source,
        pytest.raises(SourceUnavailable, match=f"{url}/api/v1/query_range did not answer: Connect"),
    ):
        source.query_range("up", WINDOW, HOUR)


@pytest.mark.parametrize(
    "url", ["localhost:9090", "ftp://host", "http://", "http://host:port", "http://me:secret@:x"]
)
def test_a_url_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(ConfigurationError, match="DATASOURCE_URL is .* wanted http") as raised:
        Prometheus(url)
    assert "secret" not in str(raised.value)


def test_a_ca_file_that_is_none_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="DATASOURCE_CA_FILE .*missing.pem.* wanted a PEM"):
        Prometheus("https://localhost:9090", ca_file=tmp_path / "missing.pem")


def test_a_window_over_the_point_limit_is_never_asked() -> None:
    long = Window(START, START + 11_001 * HOUR)
    with scripted(WHOLE) as server, asking(server) as source:
        with pytest.raises(ValueError, match="11001 points .* wanted at most 11000"):
            source.query_range("up", long, HOUR)
        assert server.requests == []


def test_an_answer_over_the_size_limit_asks_for_a_shorter_window(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(prometheus, "MAX_ANSWER_BYTES", 10)
    with (
        scripted(WHOLE) as server,
        asking(server) as source,
        pytest.raises(SourceTooLarge, match="larger than 10 bytes"),
    ):
        source.query_range("up", WINDOW, HOUR)


def test_credentials_and_the_path_prefix_are_sent() -> None:
    with scripted(WHOLE) as server:
        with Prometheus(f"{server.url}/prefix/", username="me", password="secret") as source:
            source.query_range("up", WINDOW, HOUR)
        with Prometheus(server.url, bearer_token="token") as source:
            source.query_range("up", WINDOW, HOUR)

        (path, basic, body), (_, bearer, _) = server.requests
    assert path == "/prefix/api/v1/query_range"
    assert basic["Authorization"] == "Basic " + base64.b64encode(b"me:secret").decode()
    assert bearer["Authorization"] == "Bearer token"
    # The last instant is asked for, not the end: the window is half-open, the API is not.
    assert body == b"query=up&start=1767225600&end=1767236400&step=3600"


def test_credentials_in_the_url_are_sent_and_never_told() -> None:
    with scripted(json_answer(503)) as server:
        url = server.url.replace("//", "//me:secret@")
        with (
            Prometheus(url, attempts=1) as source,
            pytest.raises(SourceUnavailable, match="answered 503") as raised,
        ):
            source.query_range("up", WINDOW, HOUR)
        [(_, headers, _)] = server.requests
    assert headers["Authorization"] == "Basic " + base64.b64encode(b"me:secret").decode()
    assert "secret" not in str(raised.value)


def test_a_proxy_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with scripted(WHOLE) as server, asking(server) as source:
        assert source.query_range("up", WINDOW, HOUR)


def test_only_what_comes_from_afar_is_compressed(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(WHOLE) as server:
        monkeypatch.setenv("http_proxy", server.url)
        for url in (server.url, "http://prometheus.example"):
            with Prometheus(url, attempts=1) as source:
                source.query_range("up", WINDOW, HOUR)
        near, far = (headers["Accept-Encoding"] for _, headers, _ in server.requests)
    assert near == "identity"
    assert "gzip" in far
