"""`.env.example`, the settings and the services' own files say the same."""

from __future__ import annotations

import re
from datetime import date

import pytest

from promtsdb_dagster.errors import ConfigurationError
from promtsdb_dagster.settings import ROOT, Settings, load_settings

SETTINGS = {name.upper() for name in Settings.model_fields}
HEADING = "Read by the services only"
SERVICE_FILES = sorted(path for path in (ROOT / "docker").rglob("*") if path.is_file())


def sections() -> dict[str, dict[str, str]]:
    """Return the comment above each variable, by heading."""
    found: dict[str, dict[str, str]] = {}
    heading, comment, closed = "", "", False
    for line in (ROOT / ".env.example").read_text(encoding="utf-8").splitlines():
        if match := re.match(r"# --- (.*?),? ?[^ ]* -+$", line):
            heading = line.strip("# -")
            found[heading] = {}
            comment = ""
        elif match := re.match(r"#?([A-Z_]+)=", line):
            assert not any(match[1] in names for names in found.values()), f"twice: {match[1]}"
            found[heading][match[1]] = comment
            closed = True
        else:
            comment = line if closed else f"{comment} {line}"
            closed = False
    return found


def comments() -> dict[str, str]:
    """Return the comment above each variable."""
    return {name: text for names in sections().values() for name, text in names.items()}


def of_services() -> set[str]:
    """Return the variables below the heading of the services."""
    [names] = [names for heading, names in sections().items() if heading.startswith(HEADING)]
    return set(names)


def test_every_setting_is_in_the_example_and_nothing_else_is() -> None:
    """What the project reads is above the services' heading, what only they read is below."""
    assert set(comments()) - of_services() == SETTINGS
    assert not of_services() & SETTINGS


def test_the_services_section_is_what_their_files_read() -> None:
    """A variable that no file mentions is none; one that a file asks for can be looked up."""
    texts = {path: path.read_text(encoding="utf-8") for path in SERVICE_FILES}
    words = {word for text in texts.values() for word in re.findall(r"\b[A-Z][A-Z_]+\b", text)}
    assert of_services() <= words
    asked = {
        name
        for path, text in texts.items()
        # Compose and Telegraf; Caddy; PostgREST; psql. Scripts have variables of their own.
        if path.suffix != ".sh"
        for name in re.findall(
            r"(?<!\$)\$\{([A-Z_]+)|\{\$([A-Z_]+)|\$\(([A-Z_]+)\)|\\getenv \w+ ([A-Z_]+)", text
        )
        for name in name
        if name
    }
    assert asked
    assert asked <= set(comments())


def test_defaults_in_the_example_are_the_real_ones() -> None:
    """Each comment names the default of the settings."""
    found = comments()
    for name, field in Settings.model_fields.items():
        comment = found[name.upper()]
        assert re.search("default", comment, re.IGNORECASE), name
        if isinstance(field.default, bool):
            assert f"Default: {str(field.default).lower()}." in comment, name
        elif isinstance(field.default, int | float | str | date) and field.default != "":
            assert f"Default: {field.default}." in comment, name


def test_a_short_key_of_the_api_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgREST refuses it too; nobody should learn it from an error."""
    monkeypatch.setenv("JWT_SECRET", "x" * 31)
    with pytest.raises(ConfigurationError, match=r"JWT_SECRET .*of 31 char.*at least 32") as error:
        load_settings()
    assert "xxx" not in str(error.value)
    monkeypatch.setenv("JWT_SECRET", "x" * 32)
    settings = load_settings()
    assert settings.require_jwt_secret() == "x" * 32
    assert "xxx" not in repr(settings)
    monkeypatch.delenv("JWT_SECRET")
    with pytest.raises(ConfigurationError, match="JWT_SECRET is not set"):
        load_settings().require_jwt_secret()
