"""The configuration of Telegraf says what the rest of the project says."""

from __future__ import annotations

import re

from promtsdb_dagster.adapters.rulefiles import load_routing
from promtsdb_dagster.settings import ROOT

TEXT = (ROOT / "docker" / "telegraf" / "telegraf.conf").read_text(encoding="utf-8")


def default(variable: str) -> list[str]:
    """Return the words that Telegraf takes where the environment has none."""
    [words] = re.findall(rf"\$\{{{variable}-([^}}]*)\}}", TEXT)
    return str(words).split()


def test_it_routes_as_the_lists_say() -> None:
    routing = load_routing(ROOT / "rules")

    assert sorted(default("TELEGRAF_GEO_METRICS")) == sorted(routing.geo)
    assert sorted(default("TELEGRAF_CUMULATIVE_METRICS")) == sorted(routing.cumulative)


def test_no_secret_has_a_default() -> None:
    for variable in ("TELEGRAF_PASSWORD", "TELEGRAF_DATABASE_URL"):
        # Empty is as bad as missing: without a password the listener asks for none.
        assert f"${{{variable}:?" in TEXT
        assert f"${{{variable}-" not in TEXT
        assert f"${{{variable}:-" not in TEXT


def test_no_client_can_cause_ddl() -> None:
    outputs = TEXT.split("[[outputs.postgresql]]")[1:]
    assert len(outputs) == 2
    for output in outputs:
        for line in (
            "create_templates = []",
            "add_column_templates = []",
            "tag_table_create_templates = []",
            "tag_table_add_column_templates = []",
            "tags_as_jsonb = true",
        ):
            assert f"\n  {line}\n" in output
