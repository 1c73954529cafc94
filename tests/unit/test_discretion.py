"""Secrets of ours, sent back to us, are in nothing that we tell."""

from __future__ import annotations

import base64
import json
import socket
import traceback
from datetime import timedelta
from threading import Thread
from urllib.parse import quote

import pytest

from promtsdb_dagster.adapters.discretion import Discretion
from promtsdb_dagster.adapters.prometheus import Prometheus
from promtsdb_dagster.adapters.services import Endpoints, Services
from promtsdb_dagster.core.windows import EPOCH, Window
from promtsdb_dagster.errors import SourceError
from tests.doubles.scripted_http import Answer, scripted

SECRET = "p@ss wörd/'\"+1234567890"
HOUR = timedelta(hours=1)
BASIC = base64.b64encode(f"me:{SECRET}".encode()).decode()


@pytest.mark.parametrize(
    "said",
    [SECRET, quote(SECRET), quote(SECRET, ""), json.dumps(SECRET), repr(SECRET), BASIC,
     quote(BASIC, ""), f"cut {SECRET[:12]}", f"cut {BASIC[:20]}", f"...{SECRET[3:]}"],
)  # fmt: skip
def test_every_spelling_is_hidden(said: str) -> None:
    for discretion in (
        Discretion(login=("me", SECRET)),
        Discretion(urls=(f"http://me:{quote(SECRET, '')}@host", None, "http://[")),
    ):
        hidden = discretion.hide(f"refused: {said}")
        assert "***" in hidden
        assert "wörd" not in hidden
        assert BASIC[:12] not in hidden


def test_what_two_spellings_share_leaves_nothing_of_either() -> None:
    secret = 'beginning"' + "m" * 20 + '"their-end'
    hide = Discretion(secret).hide
    assert hide(secret[:20]) == hide(secret[-20:]) == "***"
    spelled = json.dumps(secret)[1:-1]
    assert hide(spelled[:20]) == hide(spelled[-20:]) == "***"


def test_what_is_no_secret_stays() -> None:
    assert Discretion(None, "", urls=(None, "http://host")).hide("a text") == "a text"


PAGES = [
    json.dumps({"status": "error", "error": f"sent {BASIC} and {SECRET}"}),
    json.dumps({"status": "success", "warnings": [f"sent {BASIC} and {SECRET}"]}),
    json.dumps({"status": "success", "data": {"resultType": BASIC, "result": SECRET}}),
    f"<html>{'x' * 180}{BASIC}",
    f"<html>{'x' * 90}{SECRET}",
]


@pytest.mark.parametrize("status", [200, 302, 403, 503])
@pytest.mark.parametrize("page", PAGES, ids=range(len(PAGES)))
def test_no_answer_gives_it_back(status: int, page: str) -> None:
    headers = {"Location": f"http://127.0.0.1:1/{quote(BASIC, '')}"}
    with scripted(Answer(page.encode(), status, headers=headers)) as server:
        url = server.url.replace("//", f"//me:{quote(SECRET, '')}@")
        told = []
        with Prometheus(url, attempts=1) as source:
            for ask in (
                source.clock,
                lambda: source.query_range("up", Window(EPOCH, EPOCH + 2 * HOUR), HOUR),
            ):
                with pytest.raises(SourceError) as raised:
                    ask()
                told.append(str(raised.value))
        services = Services(Endpoints(prometheus=url, vmalert=url, caddy=url))
        told += [services.health(name).text for name in ("prometheus", "vmalert", "caddy")]
        assert server.requests
    for text in told:
        assert "wörd" not in text
        assert BASIC[:12] not in text


TOKEN = "first-of-it" + "0123456789" * 6 + "last-of-it"
BODIES = [
    json.dumps({"status": "success", "data": {"resultType": "x" * 20 + TOKEN, "result": []}}),
    json.dumps({"status": "success", "warnings": ["x" * 20 + TOKEN]}),
]


@pytest.mark.parametrize(
    "answer",
    [*(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}" for body in BODIES),
     f"HTTP/1.1 200 OK\r\nno colon {TOKEN}\r\n\r\n"],
    ids=("type", "warning", "header"),
)  # fmt: skip
def test_neither_the_end_of_a_secret_nor_a_cause_gives_it_back(answer: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def reply() -> None:
            with server.accept()[0] as connection:
                connection.recv(65536)
                connection.sendall(answer.encode())

        replying = Thread(target=reply)
        replying.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with (
            Prometheus(url, bearer_token=TOKEN, attempts=1) as source,
            pytest.raises(SourceError) as raised,
        ):
            source.query_range("up", Window(EPOCH, EPOCH + 2 * HOUR), HOUR)
        replying.join()
    # What Dagster stores of it.
    told = "".join(traceback.format_exception(raised.value))
    assert "***" in told
    assert "first-of-it" not in told
    assert "last-of-it" not in told
