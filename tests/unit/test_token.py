"""Tokens say who, for whom and for how long; wrong requests and weak keys are refused."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import jwt
import pytest

from promtsdb_dagster import cli
from promtsdb_dagster.commands.token import AUDIENCE, make_token
from promtsdb_dagster.errors import InputError
from promtsdb_dagster.settings import ROOT

KEY = "a key of the tests, longer than 32 characters"
NOW = datetime(2026, 11, 18, 12, 0, tzinfo=timezone.utc)


def test_a_token_says_all_that_postgrest_checks() -> None:
    text = make_token(KEY, "writer", 1.5, NOW)
    claims = jwt.decode(
        text, KEY, algorithms=["HS256"], audience=AUDIENCE, options={"verify_exp": False}
    )
    assert claims == {
        "role": "writer",
        "aud": AUDIENCE,
        "iat": int(NOW.timestamp()),
        "exp": int((NOW + timedelta(hours=1.5)).timestamp()),
    }


def test_postgrest_wants_the_audience_that_tokens_name() -> None:
    text = (ROOT / "docker" / "postgrest" / "postgrest.conf").read_text(encoding="utf-8")
    assert re.findall(r'^jwt-aud = "(.*)"$', text, re.MULTILINE) == [AUDIENCE]


@pytest.mark.parametrize(
    ("role", "hours", "words"),
    [
        ("postgres", 1, "--role 'postgres' is no role of the API, wanted writer or web_anon"),
        ("writer", 0, "--hours 0 is out of range"),
        ("writer", -1, "--hours -1 is out of range"),
        ("writer", float("nan"), "--hours nan is out of range"),
        ("writer", 8761, "at most 8760"),
    ],
)
def test_requests_that_make_no_sense(role: str, hours: float, words: str) -> None:
    with pytest.raises(InputError, match=re.escape(words)):
        make_token(KEY, role, hours, NOW)


def test_the_command_prints_the_token_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JWT_SECRET", KEY)
    assert cli.main(["token", "--role", "writer", "--hours", "2"]) == 0
    claims = jwt.decode(
        capsys.readouterr().out.strip(), KEY, algorithms=["HS256"], audience=AUDIENCE
    )
    assert claims["exp"] - claims["iat"] == 2 * 3600


@pytest.mark.parametrize("secret", ["", "too short, as anybody can see"])
def test_a_missing_or_short_key_is_named_and_not_shown(
    secret: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JWT_SECRET", secret)
    assert cli.main(["token"]) == cli.REFUSED
    shown = capsys.readouterr()
    assert "JWT_SECRET" in shown.err
    assert "32" in shown.err
    assert not secret or secret not in shown.err
    assert shown.out == ""
