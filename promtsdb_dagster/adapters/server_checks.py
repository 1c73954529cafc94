"""Refuse servers and poolers that would keep half of what this project relies on."""

from __future__ import annotations

from typing import Any

import psycopg

from promtsdb_dagster.adapters.sql import query
from promtsdb_dagster.errors import StoreError

# Startup options that every session of ours begins with. A pooler that takes `timezone` for a
# client's own and forgets the rest, as PgBouncer does, is known by the mark.
MARK = "-c promtsdb.session=own"
_OLDEST = 15


def refuse_unfit(connection: psycopg.Connection[Any], address: str) -> None:
    """Raise StoreError for a server that is too old and a pooler that drops session settings.

    Costs one answer of the server; leaves a transaction open unless the connection commits itself.
    """
    version = connection.info.server_version
    if version < _OLDEST * 10_000:
        raise StoreError(
            f"the server at {address} is PostgreSQL {version // 10_000}, wanted {_OLDEST} or "
            "later; upgrade it (pg_upgrade, or the cloud's own button), or point DATABASE_URL to "
            "a newer one; nothing was written"
        )
    row = connection.execute(query("select_session_mark")).fetchone()
    if not row or row[0] != "own":
        raise StoreError(
            f"what answers at {address} forgot the settings that the session began with, as a "
            "pooler does that ignores `options`; it would lose advisory locks as well; wanted "
            "PostgreSQL itself; correct host and port in DATABASE_URL; nothing was written"
        )


def refuse_encoding(connection: psycopg.Connection[Any]) -> None:
    """Raise StoreError for a database that cannot hold every label."""
    encoding = connection.info.parameter_status("server_encoding")
    # What stands in for a server may not tell it.
    if encoding not in (None, "UTF8"):
        name = connection.info.dbname
        raise StoreError(
            f"the database {name!r} has the encoding {encoding}, wanted UTF8, as labels may hold "
            "any letter; nothing was written; drop it, or take another name in DATABASE_URL, and "
            f"make it as an administrator: CREATE DATABASE {name} TEMPLATE template0 "
            "ENCODING 'UTF8' LOCALE 'C.UTF-8'"
        )
