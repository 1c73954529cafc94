"""How long a new process takes to load the definitions, as every code server and run does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.measuring import alternate
from bench.results import Result, at_most, told
from bench.world import Bench
from promtsdb_dagster.settings import ROOT

_WANTED_SECONDS = 2


def run(bench: Bench) -> Iterator[Result]:
    """Yield the seconds for the definitions, and for what Dagster takes of them."""
    found = alternate(
        {
            "definitions": _importing("promtsdb_dagster.definitions"),
            "dagster": _importing("dagster"),
            "nothing": _importing("sys"),
        },
        rounds=bench.rounds,
    )
    yield at_most(
        "loading.definitions", bench.engine, found["definitions"].median, _WANTED_SECONDS,
        unit="s", rounds=found["definitions"].seconds,
    )  # fmt: skip
    yield told("loading.dagster_alone", bench.engine, found["dagster"].median, unit="s")
    yield told("loading.python_alone", bench.engine, found["nothing"].median, unit="s")


def _importing(module: str) -> Callable[[], object]:
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(Path.home())}
    return lambda: subprocess.run(
        [sys.executable, "-c", f"import {module}"], cwd=ROOT, env=environment, check=True
    )
