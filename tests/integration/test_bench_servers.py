"""The benchmarks' servers: settings of production, the owner's databases, nothing left behind."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from bench.servers import Servers
from bench.world import QUICK, Bench
from promtsdb_dagster.localstack.postgres import OWNER
from promtsdb_dagster.settings import load_settings


@pytest.fixture(params=["postgresql", "timescaledb"])
def bench(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bench]:
    # The server's user must reach what is below it.
    home = Path(tempfile.mkdtemp(prefix="promtsdb-test-", dir="/tmp"))
    home.chmod(0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(home))
    servers = Servers(load_settings().pg_bindir)
    if why := servers.missing(request.param):
        pytest.skip(why)
    said: list[str] = []
    yield Bench(QUICK, request.param, 3, 1, servers, said.append)
    servers.stop()
    assert list(home.iterdir()) == []
    home.rmdir()


def asked(url: str, question: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(question).fetchone()
    return row[0] if row else None


def test_databases_are_like_those_of_production(bench: Bench) -> None:
    url = bench.new_database()
    assert asked(url, "SELECT current_user") == OWNER
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        assert asked(url, f"SHOW {setting}") == "on"
    assert asked(url, "SHOW shared_buffers") == "1GB"
    has = asked(url, "SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'")
    assert has == (bench.engine == "timescaledb")
    assert asked(url, "SELECT count(*) FROM internal.prometheus_remote_write") == 0
    assert asked(bench.admin_url(url), "SELECT current_user") == "postgres"
    assert asked(bench.admin_url(url), "SELECT current_database()") == url.rsplit("/", 1)[1]
    empty = bench.empty_database()
    assert asked(empty, "SELECT to_regnamespace('internal')") is None
    assert ("timescaledb" in bench.server.versions()) == has

    bench.drop(empty)
    assert bench.new_database() not in (url, empty)
    bench.clean_up()
    left = asked(bench.server.admin_url(), "SELECT string_agg(datname, ' ') FROM pg_database")
    assert set(str(left).split()) & {url.rsplit("/", 1)[1], empty.rsplit("/", 1)[1]} == set()
