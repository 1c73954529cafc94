"""A PostgreSQL cluster of the stack's own: loopback TCP only, passwords made at random."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from promtsdb_dagster.errors import StackError
from promtsdb_dagster.localstack.accounts import place, server_user, write_secret
from promtsdb_dagster.localstack.binaries import PostgresBinaries, find_postgres
from promtsdb_dagster.localstack.ports import LOOPBACK
from promtsdb_dagster.localstack.processes import Identity, as_user, running_with, stop
from promtsdb_dagster.localstack.service import launch

DATABASE = "metrics"
OWNER = "metrics_owner"
_ADMIN = "postgres"
# SIGINT is PostgreSQL's fast shutdown, SIGQUIT the immediate one with recovery at the next start.
STOP_SIGNALS = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0))
_READY_SECONDS = 90.0

_SETTINGS = """\
# Written at every start of the local stack; changes are lost.
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 80
password_encryption = 'scram-sha-256'
shared_buffers = '256MB'
maintenance_work_mem = '128MB'
work_mem = '16MB'
max_wal_size = '4GB'
checkpoint_timeout = '15min'
wal_compression = on
jit = off
max_worker_processes = 24
max_locks_per_transaction = 256
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %u@%d '
lc_messages = 'C'
"""
_TIMESCALEDB_SETTINGS = """\
shared_preload_libraries = 'timescaledb'
timescaledb.telemetry_level = off
timescaledb.max_background_workers = 12
"""


@dataclass(frozen=True)
class Cluster:
    """A cluster below `folder`; `timescaledb` None takes the extension when it is there.

    `more_settings` are lines of postgresql.conf, values quoted as there; they win.
    """

    folder: Path
    log: Path
    bindir: Path | None = None
    timescaledb: bool | None = None
    more_settings: Mapping[str, str] = field(default_factory=dict)

    name = "postgres"
    more_ports = ()
    uses = ()
    stop_signals = STOP_SIGNALS

    def missing(self) -> str | None:
        """Return None: the stack is nothing without it, so its start says what is missing."""

    @property
    def data(self) -> Path:
        """Return the data folder; the link to a reachable place is followed."""
        return (self.folder / "data").resolve()

    def leftovers(self) -> list[Identity]:
        """Return servers of this cluster that run, whoever started them."""
        return running_with("postgres", "-D", str(self.data))

    def binaries(self) -> PostgresBinaries:
        """Return the programs to run it with; raise StackError when they are missing."""
        version = self.folder / "data" / "PG_VERSION"
        major = int(version.read_text(encoding="ascii")) if version.exists() else None
        return find_postgres(self.bindir, major)

    def has_timescaledb(self) -> bool:
        """Say whether the server will have the extension loaded."""
        if self.timescaledb is False:
            return False
        if self.timescaledb and not self.binaries().has_timescaledb:
            raise StackError(
                f"the PostgreSQL in {self.binaries().folder} has no TimescaleDB extension, "
                "but it was asked for; install it for that server, or leave the choice to the stack"
            )
        return self.binaries().has_timescaledb

    def prepare(self) -> None:
        """Create the cluster unless it exists; safe to repeat after an interruption."""
        user = server_user(self.folder)
        place(self.folder, user)
        if (self.folder / "data" / "PG_VERSION").exists():
            return
        home = self.folder.resolve()
        making = home / "data.making"
        shutil.rmtree(making, ignore_errors=True)
        shutil.rmtree(home / "data", ignore_errors=True)
        passwords = {"admin": secrets.token_urlsafe(24), "owner": secrets.token_urlsafe(24)}
        write_secret(home / "passwords.json", json.dumps(passwords), None)
        write_secret(home / "initdb.password", passwords["admin"] + "\n", user)
        command = [str(self.binaries().folder / "initdb"), f"--pgdata={making}"]
        command += [f"--username={_ADMIN}", f"--pwfile={home / 'initdb.password'}"]
        command += ["--auth-host=scram-sha-256", "--auth-local=reject", "--encoding=UTF8"]
        command += ["--locale=C", "--data-checksums"]
        answer = subprocess.run(
            command,
            **as_user(user),
            cwd=home,
            env=_clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        (home / "initdb.password").unlink()
        if answer.returncode != 0:
            raise StackError(
                f"initdb failed with status {answer.returncode} for user {user or 'yourself'} in "
                f"{home}: {answer.stdout.strip()[-600:]!r}"
            )
        with (making / "postgresql.conf").open("a", encoding="utf-8") as config:
            config.write("\ninclude_if_exists = 'promtsdb.conf'\n")
        making.rename(home / "data")

    def start(self, port: int, _ports: Mapping[str, int] | None = None, /) -> Identity:
        """Start the server and wait until it answers; create database and role when missing."""
        self.prepare()
        self._clear_stale_lock()
        settings = _SETTINGS + (_TIMESCALEDB_SETTINGS if self.has_timescaledb() else "")
        settings += "".join(f"{name} = {value}\n" for name, value in self.more_settings.items())
        (self.data / "promtsdb.conf").write_text(settings, encoding="utf-8")
        server = str(self.binaries().folder / "postgres")
        who = launch(
            self,
            [server, "-D", str(self.data), "-c", f"port={port}"],
            self.log,
            lambda: self._answers(port),
            seconds=_READY_SECONDS,
            user=server_user(self.folder),
            folder=self.data,
            environment=_clean_environment(),
        )
        try:
            self._create_database(port)
        except BaseException:
            stop(who, STOP_SIGNALS)
            raise
        return who

    def url(self, port: int, *, admin: bool = False, database: str = DATABASE) -> str:
        """Return the owner role's URL, or the superuser's, which no service may use."""
        passwords = json.loads((self.folder / "passwords.json").read_text(encoding="utf-8"))
        role, password = (_ADMIN, passwords["admin"]) if admin else (OWNER, passwords["owner"])
        return f"postgresql://{role}:{password}@{LOOPBACK}:{port}/{database}"

    def answers(self, port: int, /) -> bool:
        """Say whether the owner role can work in the database."""
        try:
            with psycopg.connect(self.url(port), connect_timeout=5) as connection:
                connection.execute("SELECT 1")
        except (psycopg.OperationalError, OSError):
            return False
        return True

    def _answers(self, port: int) -> bool:
        try:
            url = self.url(port, admin=True, database="postgres")
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _create_database(self, port: int) -> None:
        passwords = json.loads((self.folder / "passwords.json").read_text(encoding="utf-8"))
        url = self.url(port, admin=True, database="postgres")
        with contextlib.closing(psycopg.connect(url, autocommit=True)) as connection:
            role = sql.Identifier(OWNER)
            if not connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [OWNER]).rowcount:
                connection.execute(
                    # CREATEROLE: the migrations create the roles of the API.
                    sql.SQL("CREATE ROLE {} LOGIN CREATEROLE PASSWORD {}").format(
                        role, sql.Literal(passwords["owner"])
                    )
                )
            if not connection.execute(
                "SELECT FROM pg_database WHERE datname = %s", [DATABASE]
            ).rowcount:
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(
                        sql.Identifier(DATABASE), role
                    )
                )

    def _clear_stale_lock(self) -> None:
        # The server itself refuses when another process has got the pid in its lock file.
        for who in self.leftovers():
            stop(who, STOP_SIGNALS)
        (self.data / "postmaster.pid").unlink(missing_ok=True)


def _clean_environment() -> dict[str, str]:
    # PGPORT, PGDATA and their like in the caller's environment must not reach the server.
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
