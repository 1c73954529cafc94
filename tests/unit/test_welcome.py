"""What a user sees when `make up` is ready: where things are, what is left out, what is next."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from promtsdb_dagster.adapters.services import Health
from promtsdb_dagster.commands import welcome
from promtsdb_dagster.commands.environment import Site
from promtsdb_dagster.settings import ROOT, Settings

UI = "http://127.0.0.1:3030"
LACKING = ("Telegraf is not installed: live rows come by `backfill_live` only",)


def printed(*, bundled: bool, prometheus: Health) -> list[str]:
    services = SimpleNamespace(health=lambda _: prometheus)
    installation = SimpleNamespace(services=lambda: services)
    settings = Settings(datasource_url="http://me:secret@prometheus.example:9090", api_url=None)
    site = Site(
        settings,
        installation,  # type: ignore[arg-type]  # only its services are asked
        None,  # type: ignore[arg-type]
        LACKING if bundled else (),
        bundled=bundled,
    )
    text = StringIO()
    # Narrow, as a terminal may be: an address or a command that is broken in two cannot be copied.
    console = Console(file=text, width=60)
    welcome.print_lacking(console, site)
    welcome.print_addresses(console, site, UI, Path("/state/logs"))
    welcome.print_steps(console, site, UI)
    assert "secret" not in text.getvalue()
    return text.getvalue().splitlines()


def test_addresses_what_is_left_out_and_three_steps() -> None:
    lines = printed(bundled=True, prometheus=Health(True, "answers"))
    assert f"Dagster     {UI}" in lines
    assert "Prometheus  http://prometheus.example:9090" in lines
    assert "logs        /state/logs/*.log" in lines
    assert [line[:5] for line in lines if line[:4] in ("  1.", "  2.", "  3.")] == [
        "  1. ",
        "  2. ",
        "  3. ",
    ]
    assert any(f"{UI}/asset-groups" in line for line in lines)
    assert any("localstack env" in line and "psql" in line for line in lines)
    assert any("Telegraf is not installed" in line for line in lines)
    assert "Ctrl-C stops everything" in lines


@pytest.mark.parametrize("bundled", [True, False])
def test_a_demo_ends_with_what_is_next(bundled: bool) -> None:
    text = StringIO()
    welcome.print_after_demo(Console(file=text, width=40), bundled=bundled)
    said = text.getvalue()
    assert "1. `make up`" in said
    [page] = re.findall(r"docs/\S+\.md", said)
    assert (ROOT / page).is_file()
    assert ("localstack remove`" in said) == bundled


@pytest.mark.parametrize("healthy", [True, False])
def test_servers_of_ones_own_need_no_other_and_are_asked(healthy: bool) -> None:
    lines = printed(bundled=False, prometheus=Health(healthy, "prometheus does not answer: gone"))
    assert not any("localstack env" in line for line in lines)
    assert any("prometheus does not answer: gone" in line for line in lines) != healthy
