"""Durations, instants and settings: a value that is right, or the error that is promised."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import timedelta, timezone
from unittest.mock import patch

from promtsdb_dagster.core.durations import parse_duration
from promtsdb_dagster.core.windows import parse_instant
from promtsdb_dagster.errors import ConfigurationError
from promtsdb_dagster.settings import Settings, load_settings

LONGEST_MESSAGE = 2_000
_UNITS = {
    "y": 31_536_000_000, "w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000,
    "s": 1_000, "ms": 1,
}  # fmt: skip
_FIELDS = sorted(Settings.model_fields)
_SECRETS = frozenset(name for name in _FIELDS if name.endswith(("password", "token", "secret")))


def check(data: bytes) -> None:
    """Read the bytes as a duration, an instant, and lines of `<field number><value>`."""
    text = data.decode("utf-8", "surrogateescape")
    _duration(text)
    _instant(text)
    _settings(text)


def _duration(text: str) -> None:
    try:
        length = parse_duration(text)
    except ValueError as error:
        assert len(str(error)) <= LONGEST_MESSAGE
        return
    total, digits, unit = 0, "", ""
    # A trailing zero ends the last unit.
    for character in text + "0":
        if character.isdigit():
            if unit:
                total += int(digits) * _UNITS[unit]
                digits, unit = "", ""
            digits += character
        else:
            unit += character
    assert length == timedelta(milliseconds=total)
    assert length <= timedelta(days=200 * 365)


def _instant(text: str) -> None:
    with suppress(ValueError):
        instant = parse_instant(text)
        assert instant.tzinfo is timezone.utc
        assert parse_instant(instant.isoformat()) == instant


def _settings(text: str) -> None:
    environment = {
        _FIELDS[ord(line[0]) % len(_FIELDS)].upper(): line[1:]
        for line in text.replace("\0", "").split("\n")
        if line
    }
    with patch.dict(os.environ, environment, clear=True):
        try:
            settings = load_settings()
        except ConfigurationError as error:
            said = str(error)
            assert len(said) <= LONGEST_MESSAGE, f"a message of {len(said)} characters"
        else:
            assert settings.history_start.tzinfo is timezone.utc
            said = repr(settings)
    for name in _SECRETS:
        secret = environment.get(name.upper(), "")
        # A short one may stand in any text by chance.
        assert len(secret) < 12 or secret not in said, f"{name} is shown"
