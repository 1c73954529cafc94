"""Look whether the database has the objects that the migrations made; changes nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from promtsdb_dagster.adapters.database import Database
from promtsdb_dagster.adapters.migrations import Migrator
from promtsdb_dagster.adapters.sql import query
from promtsdb_dagster.core.migrations import Migration
from promtsdb_dagster.core.schema_check import Objects, judge_schema
from promtsdb_dagster.core.verdicts import Verdict
from promtsdb_dagster.errors import MigrationError


class SchemaAudit:
    """Compare a database with the migration files."""

    def __init__(
        self, database: Database, migrator: Migrator, migrations: Sequence[Migration]
    ) -> None:
        self._database = database
        self._migrator = migrator
        self._migrations = tuple(migrations)

    def judge(self) -> Verdict:
        """Say whether every migration is applied as its file says, and nothing was changed since.

        Raises what the database raises.
        """
        status = self._migrator.status()
        try:
            # Applies nothing, and compares every file with what was applied.
            self._migrator.up(to=min(status.version, len(self._migrations)))
        except MigrationError as error:
            return Verdict("", [str(error)])
        if status.pending:
            names = ", ".join(migration.name for migration in status.pending)
            lacking = (
                f"{len(status.pending)} migrations are not applied ({names}), wanted all; run "
                "`make migrate`"
            )
            return Verdict(
                "", [lacking], facts={"version": status.version, "engine": status.engine}
            )
        functions: defaultdict[str, list[str]] = defaultdict(list)
        with self._database.connection() as connection:
            for name, body in connection.execute(query("select_functions")):
                functions[name].append(body)
            disabled = [row[0] for row in connection.execute(query("select_switched_off"))]
        return judge_schema(self._migrations, status.engine, Objects(functions, disabled))
