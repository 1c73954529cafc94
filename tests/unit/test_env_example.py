"""`.env.example` and the settings say the same."""

from __future__ import annotations

import re
from datetime import date

from promtsdb_dagster.settings import ROOT, Settings


def comments() -> dict[str, str]:
    """Return the comment above each variable."""
    found: dict[str, str] = {}
    comment, closed = "", False
    for line in (ROOT / ".env.example").read_text(encoding="utf-8").splitlines():
        if match := re.match(r"#?([A-Z_]+)=", line):
            assert match[1] not in found, f"twice: {match[1]}"
            found[match[1]] = comment
            closed = True
        else:
            comment = line if closed else f"{comment} {line}"
            closed = False
    return found


def test_every_setting_is_in_the_example() -> None:
    """A setting that nobody can find does not exist; services may have more of them."""
    assert {name.upper() for name in Settings.model_fields} <= set(comments())


def test_defaults_in_the_example_are_the_real_ones() -> None:
    """Each comment names the default of the settings."""
    found = comments()
    for name, field in Settings.model_fields.items():
        comment = found[name.upper()]
        assert re.search("default", comment, re.IGNORECASE), name
        if isinstance(field.default, bool):
            assert f"Default: {str(field.default).lower()}." in comment, name
        elif isinstance(field.default, int | float | str | date):
            assert f"Default: {field.default}." in comment, name
