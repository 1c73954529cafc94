"""A message reaches a real HTTP server; what is in the way is said without the URL."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone

import pytest
import stamina

from promtsdb_dagster.adapters.notifiers import Format, LogNotifier, WebhookNotifier, notifier_for
from promtsdb_dagster.core.notices import Message, Notice
from promtsdb_dagster.errors import ConfigurationError, NotifierError
from promtsdb_dagster.localstack.ports import free_port
from promtsdb_dagster.settings import load_settings
from tests.doubles.scripted_http import Answer, scripted

SECRET = "T0K3Nsecret/B0T-very-secret-part"
SINCE = datetime(2026, 11, 18, 12, tzinfo=timezone.utc)
MESSAGE = Message(
    "runs",
    [
        Notice(
            "backfill_1w",
            "failed",
            "VALUES < & > differ; do this",
            SINCE,
            count=3,
            partitions="partitions 2026-11-11 to 2026-11-13",
            run_id="abc",
            url="http://ui/runs/abc",
        )
    ],
)
OK = Answer(b"ok", 200, "text/plain")


@pytest.fixture(autouse=True)
def without_pauses() -> Iterator[None]:
    """Try as often as ever, at once."""
    stamina.set_testing(True, attempts=3)
    yield
    stamina.set_testing(False)


def _sent(body: bytes) -> dict[str, object]:
    found: dict[str, object] = json.loads(body)
    return found


def test_json_says_everything_in_words_and_in_fields() -> None:
    with scripted(OK) as server:
        WebhookNotifier(f"{server.url}/{SECRET}?key=k").send(MESSAGE)
    ((path, headers, body),) = server.requests
    assert path == f"/{SECRET}?key=k"
    assert headers["Content-Type"] == "application/json"
    sent = _sent(body)
    assert sent["title"] == "promtsdb: 3 runs failed"
    assert sent["text"] == (
        "promtsdb: 3 runs failed\n- backfill_1w (partitions 2026-11-11 to 2026-11-13) failed 3 "
        "times since 2026-11-18 12:00 UTC: the first said: VALUES < & > differ; do this "
        "http://ui/runs/abc"
    )
    assert sent["notices"] == [
        {
            "subject": "backfill_1w",
            "state": "failed",
            "text": "VALUES < & > differ; do this",
            "since": "2026-11-18T12:00:00+00:00",
            "count": 3,
            "partitions": "partitions 2026-11-11 to 2026-11-13",
            "run_id": "abc",
            "url": "http://ui/runs/abc",
        }
    ]


def test_slack_gets_its_own_form() -> None:
    with scripted(OK) as server:
        WebhookNotifier(f"{server.url}/{SECRET}", "slack").send(MESSAGE)
    sent = _sent(server.requests[0][2])
    assert set(sent) == {"text"}
    assert str(sent["text"]).startswith("*promtsdb: 3 runs failed*\n• backfill_1w (")
    assert "VALUES &lt; &amp; &gt; differ; do this <http://ui/runs/abc|open>" in str(sent["text"])


def test_slack_and_its_kin_get_no_more_than_all_of_them_take() -> None:
    notices = [replace(MESSAGE.notices[0], text="<" * 300, count=1) for _ in range(40)]
    with scripted(OK) as server:
        WebhookNotifier(server.url, "slack").send(Message("runs", notices))
        WebhookNotifier(server.url, "slack").send(Message("runs", notices[:1]))
    many, one = (str(_sent(body)["text"]) for _, _, body in server.requests)
    assert len(many) < 2_000
    assert many.startswith("*promtsdb: 40 runs failed*\n• backfill_1w (")
    assert many.endswith("|open>\n• and 39 more")
    assert one.endswith("|open>")


@pytest.mark.parametrize("body", ["json", "slack"])
def test_a_letter_that_is_none_keeps_no_message(body: Format) -> None:
    """Python reads the names of files with such letters."""
    notice = replace(MESSAGE.notices[0], text="no file caf\udce9: « ü »")
    with scripted(OK) as server:
        WebhookNotifier(server.url, body).send(Message("runs", [notice]))
    assert "« ü »" in str(_sent(server.requests[0][2])["text"])


def test_what_passes_is_tried_again_within_the_tick() -> None:
    with scripted(Answer(b"", 503), Answer(b"", 429), OK) as server:
        WebhookNotifier(server.url).send(MESSAGE)
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("answer", "tries"),
    [
        (Answer(f"no such hook: {SECRET}".encode(), 404, "text/plain"), 1),
        (Answer(b"", 302, headers={"Location": "http://elsewhere.invalid/"}), 1),
        (Answer(f"{SECRET[:20]} is broken".encode(), 500, "text/plain"), 3),
        (Answer(b"you asked " + SECRET[4:24].encode(), 403, "text/plain"), 1),
        (Answer(b"cut", 500, promised=10), 3),
        (Answer(b"x" * 30_000_000, 404), 1),
    ],
    ids=["wrong URL", "redirect", "broken", "a piece of it", "cut", "long"],
)
def test_what_does_not_pass_is_said_without_the_url(
    answer: Answer, tries: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with (
        scripted(answer) as server,
        pytest.raises(NotifierError, match=r"the webhook at 127.0.0.1 .* NOTIFY_WEBHOOK") as told,
    ):
        WebhookNotifier(f"{server.url}/{SECRET}").send(MESSAGE)
    assert len(server.requests) == tries
    said = str(told.value) + "".join(record.getMessage() for record in caplog.records)
    assert SECRET[:12] not in said
    assert SECRET[-12:] not in said


def test_logs_of_what_went_well_do_not_show_the_url(caplog: pytest.LogCaptureFixture) -> None:
    """httpx logs each request with its URL."""
    caplog.set_level(logging.DEBUG)
    with scripted(OK) as server:
        WebhookNotifier(f"{server.url}/{SECRET}").send(MESSAGE)
    assert "HTTP Request: POST" in caplog.text
    assert SECRET[:12] not in caplog.text


def test_a_server_that_hangs_or_is_gone_ends_in_words() -> None:
    for url in (f"http://127.0.0.1:{free_port()}/{SECRET}", f"http://{SECRET[:6]}.invalid/x"):
        with pytest.raises(NotifierError, match="did not answer: ConnectError"):
            WebhookNotifier(url, timeout_seconds=2).send(MESSAGE)


def test_a_yes_whose_words_never_end_is_a_yes() -> None:
    with scripted(Answer(b"ok, and ", 200, promised=1_000_000)) as server:
        WebhookNotifier(f"{server.url}/{SECRET}").send(MESSAGE)
    assert len(server.requests) == 1


def test_what_may_have_been_taken_is_not_sent_again_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(5)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/{SECRET}"
        with pytest.raises(NotifierError, match="did not answer: ReadTimeout"):
            WebhookNotifier(url, timeout_seconds=0.5).send(MESSAGE)
        silent.accept()[0].close()
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.accept()


def test_without_a_webhook_it_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    notifier = notifier_for(None, "json")
    assert isinstance(notifier, LogNotifier)
    notifier.send(MESSAGE)
    assert "backfill_1w (partitions 2026-11-11 to 2026-11-13) failed 3 times" in caplog.text


@pytest.mark.parametrize("around", ["{}", "http:///{}", "https://[{}", "https://u:{}@h/x"])
def test_a_url_that_is_none_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, around: str
) -> None:
    monkeypatch.setenv("NOTIFY_WEBHOOK_URL", around.format(SECRET))
    with pytest.raises(ConfigurationError, match=r"NOTIFY_WEBHOOK_URL \(a secret .*http") as told:
        load_settings()
    assert SECRET[:8] not in str(told.value)


def test_a_form_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_WEBHOOK_URL", f"https://hooks.example.org/{SECRET}")
    monkeypatch.setenv("NOTIFY_WEBHOOK_FORMAT", "xml")
    with pytest.raises(ConfigurationError, match="NOTIFY_WEBHOOK_FORMAT='xml'.*json"):
        load_settings()
