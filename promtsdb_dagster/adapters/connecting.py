"""Say of a database's address, and of a server that lets nobody in, what a person can do."""

from __future__ import annotations

import re

from psycopg import ProgrammingError, conninfo

from promtsdb_dagster.errors import ConfigurationError

# What libpq, psycopg and PgBouncer say, in English; a server that speaks another language gets
# the last advice.
_ADVICE = (
    (
        "failed to resolve|could not translate host name",
        "wanted a host name that this machine can resolve; correct the host in DATABASE_URL",
    ),
    (
        "Connection refused",
        (
            "wanted a PostgreSQL that listens there; start it, or correct host and port in "
            "DATABASE_URL"
        ),
    ),
    (
        "password authentication failed",
        (
            "wanted a role and password that the server knows; correct them in DATABASE_URL, "
            "special characters percent-encoded (@ is %40, # is %23, / is %2F)"
        ),
    ),
    (
        "no password supplied",
        (
            "wanted the role's password; write it into DATABASE_URL, or into the file that "
            "PGPASSFILE names"
        ),
    ),
    (
        'database ".*" does not exist',
        (
            "wanted a database that exists; correct the name at the end of DATABASE_URL (a "
            "slash after it is part of it), or make it as an administrator: "
            "CREATE DATABASE {database} OWNER {user}"
        ),
    ),
    (
        'role ".*" does not exist',
        (
            "wanted a role that exists; correct it in DATABASE_URL, or make it as an "
            "administrator: CREATE ROLE {user} LOGIN CREATEROLE PASSWORD '...'"
        ),
    ),
    (
        "does not support SSL",
        (
            "wanted a server with TLS, as sslmode says; correct host and port in DATABASE_URL, or "
            "leave sslmode out"
        ),
    ),
    (
        "pg_hba.conf",
        (
            "wanted a server that admits this role from here; allow it in its pg_hba.conf, or "
            "write ?sslmode=require at the end of DATABASE_URL where it says 'no encryption'"
        ),
    ),
    (
        "unsupported (options )?startup parameter",
        (
            "wanted PostgreSQL itself, as a pooler keeps neither a session's settings nor its "
            "locks; correct host and port in DATABASE_URL"
        ),
    ),
    (
        "timeout expired",
        (
            "wanted an answer of PostgreSQL; is that its port, and does a firewall let this "
            "machine through? Correct host and port in DATABASE_URL"
        ),
    ),
)
_OTHERWISE = "wanted a server that answers; check DATABASE_URL and the server's log"


def address_of(url: str) -> str:
    """Return host, port and database of a libpq URL, without credentials.

    Raises ConfigurationError for what is none, and for one whose password would be read as a host.
    """
    try:
        known = _read(url)
    except ProgrammingError:
        # libpq's own words may quote the password.
        raise _unreadable("is not a URL that libpq can read", url) from None
    host, port = known.get("host", "localhost"), known.get("port", "5432")
    database = known.get("dbname") or known.get("user") or ""
    # An unquoted @ or / in a password ends up in one of these, and would be shown.
    if "@" in host + database or not re.fullmatch(r"\d*(,\d*)*", port):
        raise _unreadable("has a special character that is not percent-encoded", url)
    return f"{host}:{port}/{database}"


def advice(said: str, url: str) -> str:
    """Return what was wanted of a server that said this to whoever connected, and what to do."""
    for pattern, text in _ADVICE:
        if re.search(pattern, said):
            known = _read(url)
            user = known.get("user", "owner")
            database = known.get("dbname", "").strip("/") or user
            return text.format(database=database, user=user)
    return _OTHERWISE


def _read(url: str) -> dict[str, str]:
    return {name: str(value) for name, value in conninfo.conninfo_to_dict(url).items()}


def _unreadable(what: str, url: str) -> ConfigurationError:
    scheme = re.match(r"[\w+.:]*?://", url)
    odd = scheme and scheme[0] not in ("postgresql://", "postgres://")
    begins = f"; it begins with {scheme[0]!r}" if scheme and odd else ""
    return ConfigurationError(
        f"DATABASE_URL {what} (not shown, as it may hold a password){begins}, wanted "
        "postgresql://owner:password@host:5432/database with special characters percent-encoded "
        "(@ is %40, # is %23, / is %2F); correct the variable"
    )
