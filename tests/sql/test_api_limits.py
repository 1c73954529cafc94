"""The limits of the API's roles belong to the cluster, which other databases share."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.fix_postgres import SQL_DIR, Cluster

TEXT = (SQL_DIR / "migrations" / "036_api_limits.up.sql").read_text(encoding="utf-8")
LIMITS = ["idle_in_transaction_session_timeout=10s", "lock_timeout=3s", "statement_timeout=10s"]


@pytest.fixture
def role(plain_cluster: Cluster) -> Iterator[str]:
    """Make roles that stand for web_anon and writer, and a poor one that owns nothing."""
    name = "web_anon_of_two"
    with plain_cluster.admin() as admin:
        admin.execute(f"CREATE ROLE {name}; CREATE ROLE writer_of_two; CREATE ROLE poor LOGIN")
        yield name
        admin.execute(f"DROP ROLE {name}, writer_of_two, poor")


def apply(url: str) -> None:
    text = TEXT.replace("web_anon", "web_anon_of_two").replace("'writer'", "'writer_of_two'")
    with psycopg.connect(url) as connection:
        connection.execute(text.encode())


def limits(cluster: Cluster, role: str) -> list[str]:
    with cluster.admin() as admin:
        row = admin.execute("SELECT rolconfig FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    assert row is not None
    return sorted(row[0])


def test_what_an_administrator_has_set_stays(plain_cluster: Cluster, role: str) -> None:
    with plain_cluster.admin() as admin:
        admin.execute(f"ALTER ROLE {role} SET lock_timeout = '4s'")
    for _ in range(2):
        apply(plain_cluster.url("postgres"))
        assert limits(plain_cluster, role) == [LIMITS[0], "lock_timeout=4s", LIMITS[2]]


def test_another_migrator_may_set_them_at_once(plain_cluster: Cluster, role: str) -> None:
    """1. Another session has set one limit, and not committed. 2. We wait. 3. It commits."""
    with psycopg.connect(plain_cluster.url("postgres")) as other, ThreadPoolExecutor(1) as pool:
        other.execute(f"ALTER ROLE {role} SET statement_timeout = '10s'")
        waiting = pool.submit(apply, plain_cluster.url("postgres"))
        query = "SELECT FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted"
        while not other.execute(query).fetchall():
            assert not waiting.done(), waiting.result()
        other.commit()
        waiting.result(timeout=60)
    assert limits(plain_cluster, role) == LIMITS


def test_who_may_not_set_them_is_told_what_to_ask_for(plain_cluster: Cluster, role: str) -> None:
    url = plain_cluster.url("postgres").replace("//postgres@", "//poor@")
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as raised:
        apply(url)
    assert raised.value.diag.message_primary == (
        f"the role {role} has no statement_timeout, and poor may not set it"
    )
    assert f"ALTER ROLE {role} SET statement_timeout = '10s'" in str(raised.value)
