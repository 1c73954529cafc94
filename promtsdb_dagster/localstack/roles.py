"""The roles that services log in as: those of production, with passwords of the stack's own."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from promtsdb_dagster.errors import StackError
from promtsdb_dagster.localstack.binaries import find_program
from promtsdb_dagster.localstack.ports import LOOPBACK
from promtsdb_dagster.localstack.postgres import DATABASE, Cluster
from promtsdb_dagster.localstack.secret_file import SecretFile


@dataclass(frozen=True)
class ServiceRoles:
    """What `docker/timescaledb/roles.sql` makes in the stack's cluster."""

    cluster: Cluster
    script: Path
    secrets: SecretFile

    def missing(self) -> str | None:
        """Return why no service can get a login, as a sentence; None when it can."""
        if self._psql() is None:
            return (
                "psql is not installed, so services get no roles to log in as; "
                "`sudo apt-get install postgresql-client` has it"
            )
        return None

    def make(self, port: int) -> None:
        """Make or update the roles; safe to repeat, before the migrations and after them."""
        psql = self._psql()
        if psql is None:
            raise StackError(str(self.missing()))
        secrets = self.secrets.read()
        login = conninfo_to_dict(self.cluster.url(port))
        # Nothing secret on the command line, where other users of the machine could read it.
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "PGHOST": str(login["host"]),
            "PGPORT": str(login["port"]),
            "PGUSER": str(login["user"]),
            "PGPASSWORD": str(login["password"]),
            "PGDATABASE": str(login["dbname"]),
            "TELEGRAF_DB_PASSWORD": secrets.telegraf_db,
            "POSTGREST_DB_PASSWORD": secrets.postgrest_db,
        }
        answer = subprocess.run(
            [str(psql), "--no-psqlrc", "--quiet", f"--file={self.script}"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
        if answer.returncode != 0:
            raise StackError(
                f"psql could not make the roles of services, status {answer.returncode}: "
                f"{answer.stderr.strip()[-600:]}"
            )

    def telegraf_url(self, port: int) -> str:
        """Return the URL with which Telegraf logs in."""
        return _url("telegraf", self.secrets.read().telegraf_db, port)

    def postgrest_url(self, port: int) -> str:
        """Return the URL with which PostgREST logs in."""
        return _url("postgrest", self.secrets.read().postgrest_db, port)

    def _psql(self) -> Path | None:
        beside = self.cluster.binaries().folder / "psql"
        return beside if os.access(beside, os.X_OK) else find_program("psql")


def _url(role: str, password: str, port: int) -> str:
    return f"postgresql://{role}:{password}@{LOOPBACK}:{port}/{DATABASE}"
