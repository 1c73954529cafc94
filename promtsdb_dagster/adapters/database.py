"""Connect to PostgreSQL, with or without TimescaleDB."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import Any

import psycopg
from psycopg import errors as pg
from typing_extensions import Self

from promtsdb_dagster.adapters.sql import query
from promtsdb_dagster.core.migrations import Engine
from promtsdb_dagster.errors import ConfigurationError, StoreError, StoreUnavailable

Connection = psycopg.Connection[tuple[Any, ...]]

_CONNECT_TIMEOUT_SECONDS = 10


class Database:
    """Lend connections to one database, a bounded number at once; nothing is opened before use.

    Raises ConfigurationError for a URL that is none.
    """

    def __init__(
        self, url: str, *, max_connections: int = 4, application_name: str = "promtsdb"
    ) -> None:
        self._url = url
        self._address = _address(url)
        self._slots = BoundedSemaphore(max_connections)
        self._application_name = application_name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Do nothing: every connection is closed where it was lent; safe to repeat."""

    @contextmanager
    def connection(self, *, autocommit: bool = False) -> Iterator[Connection]:
        """Lend a connection; commit when the block ends well, roll back when it raises.

        Raises StoreUnavailable when the server cannot be reached or went away, StoreError when
        it has no room left.
        """
        # A pool would save some 5 ms a window and hide why a connection is refused.
        with self._slots, self._translated(), self._connect(autocommit) as connection:
            yield connection

    def _connect(self, autocommit: bool) -> Connection:
        return psycopg.connect(
            self._url,
            autocommit=autocommit,
            application_name=self._application_name,
            connect_timeout=_CONNECT_TIMEOUT_SECONDS,
            options="-c timezone=UTC",
        )

    def engine(self) -> Engine:
        """Return which engine the database says it is."""
        with self.connection() as connection:
            row = connection.execute(query("select_engine")).fetchone()
        return "timescaledb" if row and row[0] else "postgresql"

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
                f"the role of DATABASE_URL may not do this at {self._address}: {_text(error)}; "
                "wanted the role that owns the schemas"
            ) from error
        except (psycopg.OperationalError, pg.InterfaceError) as error:
            raise StoreUnavailable(
                f"the database at {self._address} cannot be used: {_text(error)}; wanted a server "
                "that answers; check DATABASE_URL and the server's log, then run the same "
                "partitions again: nothing is stored twice"
            ) from error


def _address(url: str) -> str:
    """Return host, port and database without credentials."""
    try:
        known = psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # libpq's own words may quote the password.
        raise ConfigurationError(
            "DATABASE_URL is not a URL that libpq can read (not shown, as it may hold a password), "
            "wanted postgresql://owner:password@host:5432/database with special characters "
            "percent-encoded; correct the variable"
        ) from None
    return f"{known.get('host', 'localhost')}:{known.get('port', 5432)}/{known.get('dbname')}"


def _text(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
