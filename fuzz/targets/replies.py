"""What services answer when asked for their health, and what vmalert leaves in its log."""

from __future__ import annotations

import math
import re
from urllib.parse import quote

import httpx

from promtsdb_dagster.adapters.replay import ReplayCommand
from promtsdb_dagster.adapters.services import Endpoints, Health, Services

LONGEST_MESSAGE = 2_000
_SERVICES = ("prometheus", "vmalert", "telegraf", "postgrest", "caddy")
_ENDPOINTS = Endpoints(**{name: f"http://{name}:1" for name in _SERVICES})  # type: ignore[arg-type]
# One is the beginning of another, and one looks different in a URL.
_SECRETS = ("hunter2hunter2", "hunter2hunter2-and-more", "p@ss/w%rd:1234")
_COMMAND = ReplayCommand(
    f"http://u:{quote(_SECRETS[2], safe='')}@source:9090",
    "http://telegraf:9273/write",
    datasource_password=_SECRETS[0],
    datasource_token=_SECRETS[1],
    telegraf_password=_SECRETS[2],
)


class _Scripted(Services):
    """Ask nobody: every question gets one answer."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(_ENDPOINTS)
        self._answer = (status, body)

    def _client(self, service: str, url: str) -> httpx.Client:
        status, body = self._answer

        def answer(_: httpx.Request) -> httpx.Response:
            headers = {"Location": "http://telegraf/"}
            return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))

        return httpx.Client(
            base_url=url + "/",
            transport=httpx.MockTransport(answer),
            follow_redirects=True,
            trust_env=False,
        )


def check(data: bytes) -> None:
    """Take a status, a line feed and a body; and the bytes as a log with secrets in it."""
    head, _, body = data.partition(b"\n")
    status = int(head) if re.fullmatch(b"[2-5][0-9]{2}", head) else 200
    services = _Scripted(status, body)
    for name in _SERVICES:
        _judge(services.health(name))
    _log(data.decode(errors="replace"))


def _judge(health: Health) -> None:
    assert len(health.text) <= LONGEST_MESSAGE, f"a message of {len(health.text)} characters"
    assert all(math.isfinite(fact) for fact in health.facts.values() if isinstance(fact, float))


def _log(text: str) -> None:
    """Put the secrets where the input has digits in brackets, as <0>."""
    shown = text
    for number, secret in enumerate(_SECRETS):
        shown = shown.replace(f"<{number}>", secret)
    said = _COMMAND.last_words(shown)
    assert len(said) <= LONGEST_MESSAGE, f"a message of {len(said)} characters"
    for secret in _SECRETS:
        # Half of a secret is too much of it.
        half = secret[: len(secret) // 2]
        assert half not in said or half in text, f"{half!r} is shown"
