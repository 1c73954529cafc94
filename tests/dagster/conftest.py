"""A project of scripted adapters, so that these tests look at the graph and nothing else."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from promtsdb_dagster.settings import Settings
from tests.dagster.fakes import FakeProject

warnings.filterwarnings("ignore", category=dg.BetaWarning)


@pytest.fixture
def project() -> FakeProject:
    """A project on Wednesday 2026-11-18 at noon, UTC, with a migrated and empty database."""
    return FakeProject()


@pytest.fixture
def definitions(project: FakeProject) -> dg.Definitions:
    """The real definitions, their adapters replaced by the scripted ones."""
    from promtsdb_dagster.definitions import build

    return build(Settings(), project)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance of its own."""
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance on disk: schedules take no other."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield instance
