"""Servers and poolers that keep half of what is needed are refused at the first connection."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from promtsdb_dagster.adapters.database import Database
from promtsdb_dagster.adapters.migrations import Migrator, load_migrations
from promtsdb_dagster.errors import StoreError, StoreUnavailable
from tests.fix_postgres import SQL_DIR, Cluster, ScratchDatabase

Change = Callable[[bytes], bytes]


def forgetful(sent: bytes) -> bytes:
    """Rename the startup option, as a pooler does that is told to ignore `options`."""
    return sent.replace(b"promtsdb.session=own", b"ignored.session0=own")


def old(said: bytes) -> bytes:
    """Let a server say of itself that it is PostgreSQL 14."""
    first, found, rest = said.partition(b"server_version\0")
    return first + found + b"14" + rest[2:] if found else said


def same(said: bytes) -> bytes:
    """Change nothing."""
    return said


@contextmanager
def between(url: str, *, sent: Change = same, said: Change = same) -> Iterator[str]:
    """Stand between a client and its server; the lengths of messages stay as they are."""
    port = str(psycopg.conninfo.conninfo_to_dict(url)["port"])
    with socket.create_server(("127.0.0.1", 0)) as door:
        served = threading.Thread(target=_serve, args=(door, int(port), sent, said))
        served.start()
        try:
            yield url.replace(f":{port}/", f":{door.getsockname()[1]}/")
        finally:
            # Wakes whoever waits for a client.
            door.shutdown(socket.SHUT_RDWR)
            served.join(timeout=30)


def _serve(door: socket.socket, port: int, sent: Change, said: Change) -> None:
    while True:
        try:
            client, _ = door.accept()
        except OSError:
            return
        with client, socket.create_connection(("127.0.0.1", port)) as server:
            ways = {client: (server, sent), server: (client, said)}
            while True:
                ready, _, _ = select.select(list(ways), [], [], 30)
                messages = [(one, one.recv(65536)) for one in ready]
                if not messages or not all(data for _, data in messages):
                    break
                for one, data in messages:
                    other, change = ways[one]
                    other.sendall(change(data))


def test_a_pooler_that_drops_settings_is_refused(plain_database: ScratchDatabase) -> None:
    url = f"{plain_database.url}?sslmode=disable&gssencmode=disable"
    with between(url) as through, Database(through).connection() as connection:
        assert connection.execute("SHOW timezone").fetchone() == ("UTC",)
    with (
        between(url, sent=forgetful) as through,
        pytest.raises(StoreError, match="forgot the settings.*wanted PostgreSQL itself") as raised,
        Database(through).connection(),
    ):
        pytest.fail("let in")
    # Not what is tried again.
    assert not isinstance(raised.value, StoreUnavailable)


def test_a_server_that_is_too_old_is_refused(plain_database: ScratchDatabase) -> None:
    url = f"{plain_database.url}?sslmode=disable&gssencmode=disable"
    with (
        between(url, said=old) as through,
        pytest.raises(StoreError, match="is PostgreSQL 14, wanted 15 or later; upgrade it"),
        Database(through).connection(),
    ):
        pytest.fail("let in")


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_an_encoding_that_cannot_hold_every_label_is_not_migrated(
    plain_cluster: Cluster, encoding: str
) -> None:
    name = f"in_{encoding.lower()}"
    with plain_cluster.admin() as connection:
        connection.execute(
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'"
        )
    url = plain_cluster.url(name)
    with pytest.raises(StoreError, match=f"has the encoding {encoding}, wanted UTF8"):
        Migrator(Database(url), load_migrations(SQL_DIR)).up()
    with psycopg.connect(url) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert tables.fetchone() == (0,)
    plain_cluster.drop(url)


def test_letters_come_as_they_are_whatever_a_role_is_set_to(
    plain_database: ScratchDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    with Database(plain_database.url).connection() as connection:
        assert connection.execute("SELECT %s::text", ["€ 日本"]).fetchone() == ("€ 日本",)
