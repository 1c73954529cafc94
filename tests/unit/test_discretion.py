"""Secrets of ours, sent back to us, are in nothing that we tell."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
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
     quote(BASIC, ""), f"cut {SECRET[:12]}", f"cut {BASIC[:20]}"],
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
