"""The fixtures give what they promise."""

from __future__ import annotations

from tests.fix_pglite import OneConnection
from tests.fix_postgres import Cluster, ScratchDatabase


def test_each_engine_is_what_it_says(cluster: Cluster, database: ScratchDatabase) -> None:
    assert database.engine() == cluster.engine


def test_webassembly_is_timescaledb(pglite: OneConnection) -> None:
    assert pglite.engine() == "timescaledb"
