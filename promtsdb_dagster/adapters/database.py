"""Connect to PostgreSQL, with or without TimescaleDB."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from select import POLLIN, poll
from threading import BoundedSemaphore, Lock
from typing import Any

import psycopg
from psycopg import errors as pg
from typing_extensions import Self

from promtsdb_dagster.adapters.connecting import address_of, advice
from promtsdb_dagster.adapters.server_checks import MARK, refuse_unfit
from promtsdb_dagster.adapters.sql import query
from promtsdb_dagster.core.migrations import Engine
from promtsdb_dagster.errors import (
    StoreError,
    StoreUnavailable,
    UnknownVersion,
)

Connection = psycopg.Connection[tuple[Any, ...]]

_CONNECT_TIMEOUT_SECONDS = 10
# Firewalls forget connections that are silent for minutes, as while a source is slow, and tell
# nobody: the next statement would wait for a quarter of an hour.
_KEEPALIVE_SECONDS = 60


# Not psycopg_pool: it connects in threads of its own, so that a refusal comes as a timeout of the
# pool, after seconds, and without the server's reason.
class Database:
    """Lend connections to one database, a bounded number at once; nothing is opened before use.

    With `newest`, the last migration that this code knows, none to a database that is further.
    With `read_only` the server refuses whatever would write. Raises ConfigurationError for a URL
    that is none.
    """

    def __init__(
        self,
        url: str,
        *,
        max_connections: int = 4,
        application_name: str = "promtsdb",
        newest: int | None = None,
        read_only: bool = False,
    ) -> None:
        self._url = url
        self._address = address_of(url)
        self._slots = BoundedSemaphore(max_connections)
        self._application_name = application_name
        self._newest = newest
        self._options = f"{MARK} -c timezone=UTC" + (
            " -c default_transaction_read_only=on" if read_only else ""
        )
        self._keepers = 0
        self._idle: list[Connection] = []
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what is kept; every other connection is closed where it was lent."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """Keep connections open to be lent again, until the last of such blocks has ended.

        Only those without autocommit, and none after an error.
        """
        with self._lock:
            self._keepers += 1
        try:
            yield
        finally:
            with self._lock:
                self._keepers -= 1
                last = not self._keepers
            if last:
                self.close()

    @contextmanager
    def connection(self, *, autocommit: bool = False) -> Iterator[Connection]:
        """Lend a connection; commit when the block ends well, roll back when it raises.

        Raises StoreUnavailable when the server cannot be reached, went away or is read-only,
        StoreError when it has no room left, is too old or behind a pooler that drops settings,
        UnknownVersion when its schema is newer than the code.
        """
        with self._slots, self._translated(), ExitStack() as stack:
            connection = None if autocommit else self._take()
            connection = connection or self._connect(autocommit)
            # Commits, or rolls back; closes in any case.
            stack.enter_context(connection)
            if self._newest is not None:
                _refuse_newer(connection, self._newest, self._address)
            yield connection
            if autocommit:
                return
            connection.commit()
            with self._lock:
                if self._keepers:
                    self._idle.append(connection)
                    stack.pop_all()

    def _take(self) -> Connection | None:
        """Return a kept connection that the server has not closed since."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            # To an idle connection a server has only one thing to say: that it ends.
            if not _readable(connection):
                return connection
            connection.close()

    def _connect(self, autocommit: bool) -> Connection:
        connection = psycopg.connect(
            self._url,
            # Its first question belongs to no transaction of ours.
            autocommit=True,
            application_name=self._application_name,
            client_encoding="UTF8",
            connect_timeout=_CONNECT_TIMEOUT_SECONDS,
            keepalives_idle=_KEEPALIVE_SECONDS,
            options=self._options,
            # A plan for any window would not know which chunks this one has.
            prepare_threshold=None,
        )
        try:
            refuse_unfit(connection, self._address)
            connection.autocommit = autocommit
        except BaseException:
            connection.close()
            raise
        return connection

    def engine(self) -> Engine:
        """Return which engine the database says it is."""
        with self.connection() as connection:
            return engine_of(connection)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (pg.DiskFull, pg.OutOfMemory) as error:
            raise StoreError(
                f"the database at {self._address} has no room left: {_text(error)}; nothing of "
                "this window was stored; free space and run the same partitions again"
            ) from error
        except (pg.UndefinedTable, pg.UndefinedFunction, pg.InvalidSchemaName) as error:
            raise StoreError(
                f"the database at {self._address} lacks what this code needs: {_text(error)}; "
                "bring it up to date with `make migrate`"
            ) from error
        except pg.InsufficientPrivilege as error:
            raise StoreError(
                f"the role of DATABASE_URL may not do this at {self._address}: "
                f"{error.diag.message_primary}; wanted the role that owns the database and may "
                "create roles; as an administrator: ALTER DATABASE ... OWNER TO that role and "
                "ALTER ROLE ... CREATEROLE, or correct the role in DATABASE_URL"
            ) from error
        except pg.ReadOnlySqlTransaction as error:
            raise StoreUnavailable(
                f"the database at {self._address} is read-only: {_text(error)}; wanted the server "
                "that takes writes; after a failover point DATABASE_URL to the new one, then run "
                "the same partitions again: nothing is stored twice"
            ) from error
        # Sessions that the server ends for being idle: psycopg calls these internal errors.
        except (
            psycopg.OperationalError,
            pg.InterfaceError,
            pg.IdleInTransactionSessionTimeout,
            pg.TransactionTimeout,
        ) as error:
            raise StoreUnavailable(
                f"the database at {self._address} cannot be used: {_text(error)}; "
                f"{advice(str(error), self._url)}, then run the same again: nothing is stored twice"
            ) from error


def engine_of(connection: Connection) -> Engine:
    """Return which engine the database of a connection says it is."""
    row = connection.execute(query("select_engine")).fetchone()
    return "timescaledb" if row and row[0] else "postgresql"


def version_of(connection: Connection) -> tuple[int, bool]:
    """Return the schema's version, 0 for none, and whether a migration stopped half-way."""
    exists = connection.execute(query("select_migration_ledger_exists")).fetchone()
    if not exists or not exists[0]:
        return 0, False
    row = connection.execute(query("select_migration_ledger")).fetchone()
    return (row[0], row[1]) if row else (0, False)


def _refuse_newer(connection: Connection, newest: int, address: str) -> None:
    # In no transaction of ours: a migration truncates its ledger, and would wait for our end.
    before, connection.autocommit = connection.autocommit, True
    version = version_of(connection)[0]
    connection.autocommit = before
    if version > newest:
        raise UnknownVersion(
            f"the database at {address} is at version {version}, the newest that this code knows "
            f"is {newest:03d}; nothing was written, as older code may misread it; run the code "
            "that made it, or newer code"
        )


def _readable(connection: Connection) -> bool:
    poller = poll()
    poller.register(connection.fileno(), POLLIN)
    return bool(poller.poll(0))


def _text(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
