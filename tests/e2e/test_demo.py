"""`make demo`, twice, and the tutorial: what a person sees first."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from promtsdb_dagster.localstack import LocalStack
from promtsdb_dagster.localstack.binaries import find_program
from promtsdb_dagster.settings import ROOT
from tests.docs.walking import walk

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

GROUPS = ("backfill_forever", "backfill_1y", "backfill_1w", "backfill_live")
AGGREGATES = (
    "cumsum.all_metrics_minute",
    "internal.cagg_calculated_metric",
    "internal.prometheus_mainnet_1m",
    "internal.prometheus_testnet_1m",
    "internal.prometheus_common_1m",
    "geo.latest_coords",
)
ANSWERS = ("circulating_supply", "fdv", "market_cap", "web_requests", "latitude")
# `make tools` brings what live rows take; without it they are said to be missing.
LIVE = bool(find_program("telegraf") and find_program("vmalert"))
API = bool(find_program("postgrest") and find_program("caddy"))
UNSET = ("DATABASE_URL", "DATASOURCE_URL", "DAGSTER_HOME", "BACKFILL_START")


def bundled() -> dict[str, str]:
    """Return an environment that names no servers, so that the bundled ones are used."""
    return {name: value for name, value in os.environ.items() if name not in UNSET}


def demo(state: Path) -> str:
    run = subprocess.run(
        [sys.executable, "-m", "promtsdb_dagster.cli", "demo"],
        cwd=ROOT,
        env={**bundled(), "PROMTSDB_STATE_DIR": str(state), "COLUMNS": "160"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert run.returncode == 0, f"{run.stdout[-4000:]}\n{run.stderr[-4000:]}"
    return run.stdout


def cells(output: str, name: str) -> list[str]:
    """Return the cells of the table row that begins with a name."""
    [row] = [line for line in output.splitlines() if re.match(rf"│ {re.escape(name)} +│", line)]
    return [cell.strip() for cell in row.strip("│").split("│")]


def test_a_demo_shows_everything_and_a_second_one_only_adds(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """
    1. On an empty folder the demo ends with 0: every group has windows and rows, every aggregate
       has buckets, the API answers, and live rows come or are said to be missing.
    2. Run again, it finds the old windows done and adds only what time has added.
    3. The commands of the tutorial, beside `make up` on the same stack, give their chart; the
       last one leaves nothing of the stack.
    """
    state = tmp_path_factory.mktemp("demo")
    try:
        first = demo(state)
        for group in GROUPS:
            _, partitions, _, windows, rows, present, _ = cells(first, group)
            assert int(partitions) > 0
            assert int(windows) > 0
            assert int(rows.replace(",", "")) > 1000
            # Gauges of the live path may be there before the backfill of the same minutes.
            assert present == "0" or (LIVE and group == "backfill_live")
        for aggregate in AGGREGATES:
            assert int(cells(first, aggregate)[-1].replace(",", "")) > 1000
        assert all(answer in first for answer in ANSWERS)
        assert ("live rows come: " in first) == LIVE
        assert ("Telegraf is not installed" in first) == (find_program("telegraf") is None)

        second = demo(state)
        assert "the database had its history" in second
        assert ("live rows come: " in second) == LIVE
        done = re.search(r"history: (\d+) partitions were found done", second)
        assert done is not None
        assert int(done[1]) >= 20
        for group in GROUPS:
            # A new day, should it begin in between, is less than this; the history is more.
            assert int(cells(second, group)[4].replace(",", "")) < 9_000
        for aggregate in AGGREGATES:
            before, after = (
                int(cells(output, aggregate)[-1].replace(",", "")) for output in (first, second)
            )
            assert after >= before

        walked = walk(state, bundled(), api=API)
        assert re.search(r"(?m)^ \w{3} \d\d:00 \| +\d+ \| #{50} *$", walked)
        assert ("circulating" in walked or '"timestamp"' in walked) == API
        assert not (state / "postgres").exists()
    finally:
        LocalStack(state, ROOT).remove()
