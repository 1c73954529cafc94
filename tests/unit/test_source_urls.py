"""What a person is told of a DATASOURCE_URL that is wrong."""

from __future__ import annotations

import httpx
import pytest
import stamina

from promtsdb_dagster.adapters.http import source_url, unreachable
from promtsdb_dagster.adapters.prometheus import Prometheus
from promtsdb_dagster.commands.retries import say_retries
from promtsdb_dagster.errors import (
    ConfigurationError,
    SourceError,
    SourceIncomplete,
    SourceRejected,
    SourceUnavailable,
)
from tests.doubles.scripted_http import Answer, scripted


@pytest.mark.parametrize(
    "text",
    ["http://h:9090", "https://h/prom/", "http://u:p%40ss%2F@h:1/prom", "http://[::1]:9090"],
)
def test_a_base_url_is_taken(text: str) -> None:
    assert str(source_url(text)) == str(httpx.URL(text))


@pytest.mark.parametrize(
    "text",
    [
        "prometheus:9090",
        "127.0.0.1:9090",
        "postgresql://h/metrics",
        "http://h:9090/graph?g0.expr=up",
        "http://h :9090",
        "http://me:12/Secret@h:9090",
        "http://me:Top?Secret@h:9090",
        "http://me:Top#Secret@h:9090",
        "http://me:To@p#Secret@h:9090",
    ],
)
def test_what_is_none_is_refused_and_shows_no_password(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"wanted http\(s\)://host:port") as raised:
        source_url(text)
    assert "Secret" not in str(raised.value)
    assert "12/" not in str(raised.value)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (httpx.ConnectError("[Errno 111] Connection refused"), SourceUnavailable, "server runs"),
        (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]"), SourceRejected, "CA_FILE"),
        (httpx.ConnectError("[SSL: WRONG_VERSION_NUMBER]"), SourceRejected, "write http://"),
        (httpx.ProxyError("403 Forbidden"), SourceUnavailable, "NO_PROXY"),
    ],
)
def test_only_what_may_pass_is_tried_again(
    error: httpx.TransportError, kind: type[SourceError], words: str
) -> None:
    told = unreachable(httpx.URL("https://h/api/v1/query"), error)
    assert type(told) is kind
    assert words in str(told)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (Answer(b'{"message": "Not found"}', 404), SourceRejected, "Not found; .*not of Grafana"),
        (Answer(b"<html>", 200, "text/html"), SourceIncomplete, "not of Grafana or of a login"),
        (
            Answer(b"", 302, headers={"Location": "https://sso/login"}),
            SourceRejected,
            "if that is a login page",
        ),
        (
            Answer(b"Client sent an HTTP request to an HTTPS server.", 400, "text/plain"),
            SourceRejected,
            "write https://",
        ),
    ],
)
def test_what_answers_in_place_of_prometheus_is_recognized(
    answer: Answer, kind: type[SourceError], words: str
) -> None:
    with (
        scripted(answer) as server,
        Prometheus(server.url) as source,
        pytest.raises(kind, match=words),
    ):
        source.clock()


def test_another_try_is_one_line_without_the_advice(capsys: pytest.CaptureFixture[str]) -> None:
    say_retries()
    try:
        with (
            stamina.set_testing(True, attempts=2),
            Prometheus("http://127.0.0.1:1", attempts=2) as source,
            pytest.raises(SourceUnavailable),
        ):
            source.clock()
    finally:
        stamina.instrumentation.set_on_retry_hooks(None)
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("trying again in 0.0 s: http://127.0.0.1:1/api/v1/query did not answer")
    assert "wanted" not in line
