"""Bring the schema of a database to a version, in golang-migrate's files and ledger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import psycopg

from promtsdb_dagster.adapters.database import Connection, Database, version_of
from promtsdb_dagster.adapters.server_checks import refuse_encoding
from promtsdb_dagster.adapters.sql import query
from promtsdb_dagster.core.migrations import Engine, Migration, Way, assemble
from promtsdb_dagster.errors import (
    ChangedMigration,
    DirtyLedger,
    MigrationError,
    UnknownVersion,
)

__all__ = ["Migration", "MigrationStatus", "Migrator", "load_migrations"]

# golang-migrate's keys: crc32 of schema, table and database, times its salt. Its command takes the
# path of its URL for the database's name, slash and all; programs that embed it give the name.
_LOCK_SALT = 1486364155


@dataclass(frozen=True)
class MigrationStatus:
    """Say where a database stands; version 0 is an empty one."""

    engine: Engine
    version: int
    dirty: bool
    pending: tuple[Migration, ...]
    # The last version that this code knows.
    newest: int

    @property
    def too_new(self) -> str | None:
        """Return why this code may not touch the database, or None."""
        if self.version <= self.newest:
            return None
        return (
            f"the database is at version {self.version}, the newest that this code knows is "
            f"{self.newest:03d}; nothing is written to it; run the code that made it, or newer code"
        )


def load_migrations(sql_dir: Path) -> tuple[Migration, ...]:
    """Read `migrations/` and `portable/` below the folder; raises MigrationError."""
    return assemble(_texts(sql_dir / "migrations"), _texts(sql_dir / "portable"))


def _texts(folder: Path) -> dict[str, str]:
    if not folder.is_dir():
        raise MigrationError(f"no folder {folder}; wanted the project's SQL files there")
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


class Migrator:
    """Apply and take back migrations; any number may work at once, one does the work."""

    def __init__(self, database: Database, migrations: Sequence[Migration]) -> None:
        self._database = database
        self._migrations = tuple(migrations)

    def status(self) -> MigrationStatus:
        """Return where the database stands; changes nothing."""
        with self._database.connection(autocommit=True) as connection:
            version, dirty = version_of(connection)
            pending = tuple(m for m in self._migrations if m.version > version)
            engine = self._engine(connection, version)
            return MigrationStatus(engine, version, dirty, pending, self._newest)

    def up(self, to: int | None = None) -> list[Migration]:
        """Apply what is missing, up to a version or all; return what was applied now.

        Each file is one transaction with its entry in the ledger. Safe to repeat.
        Raises ChangedMigration, DirtyLedger, UnknownVersion, MigrationError, StoreError.
        """
        goal = self._newest if to is None else self._known(to)
        with self._locked() as (connection, version, engine):
            applied = []
            for migration in self._migrations[version:goal]:
                text = migration.up_text(engine)
                self._apply(connection, migration, engine, "up", text, migration.version)
                applied.append(migration)
            return applied

    def down(self, to: int) -> list[Migration]:
        """Take back every version above the given one; 0 takes back all. Tables are dropped.

        Raises ChangedMigration, DirtyLedger, UnknownVersion, MigrationError.
        """
        goal = self._known(to)
        with self._locked() as (connection, version, engine):
            undone = []
            for migration in reversed(self._migrations[goal:version]):
                text = migration.down_text(engine)
                self._apply(connection, migration, engine, "down", text, migration.version - 1)
                undone.append(migration)
            return undone

    @property
    def _newest(self) -> int:
        return len(self._migrations)

    def _known(self, version: int) -> int:
        if not 0 <= version <= self._newest:
            raise MigrationError(
                f"there is no migration {version}, wanted 0 (none) to {self._newest} (all)"
            )
        return version

    @contextmanager
    def _locked(self) -> Iterator[tuple[Connection, int, Engine]]:
        with self._database.connection(autocommit=True) as connection:
            refuse_encoding(connection)
            keys = [_lock_key(slash + connection.info.dbname) for slash in ("/", "")]
            for key in keys:
                connection.execute(query("lock_migrations"), [key])
            try:
                yield self._checked(connection)
            finally:
                if not connection.closed:
                    for key in reversed(keys):
                        connection.execute(query("unlock_migrations"), [key])

    def _checked(self, connection: Connection) -> tuple[Connection, int, Engine]:
        connection.execute(query("create_migration_ledger"))
        version, dirty = version_of(connection)
        if dirty and version <= 1 and not _yes(connection, "select_engine"):
            # golang-migrate on a server without TimescaleDB: its file is one transaction, and
            # makes the extension, so nothing of it was applied.
            connection.execute(query("clear_migration_ledger"))
            version, dirty = 0, False
        if dirty:
            # golang-migrate's number for an empty database is -1.
            version = max(version, 1)
            raise DirtyLedger(
                f"the ledger public.schema_migrations says that version {version} stopped "
                f"half-way; look what {version:03d}_*.up.sql left: golang-migrate runs a file as "
                "one transaction, so it is all of it or nothing; then say which version is true, "
                f"with `migrate force {version}` or `migrate force {version - 1 or -1}`, or in "
                "that table with dirty = false (if it was on its way down: of the file above it)"
            )
        if version > self._newest:
            raise UnknownVersion(
                f"the database is at version {version}, the newest file is {self._newest:03d}; "
                "run the code that made it, or newer code"
            )
        engine = self._engine(connection, version)
        self._compare(connection, version, engine)
        return connection, version, engine

    def _compare(self, connection: Connection, version: int, engine: Engine) -> None:
        # Rows above the version are left behind when golang-migrate goes down.
        connection.execute(query("delete_migration_checksums"), [version])
        applied = {
            row[0]: row[1:] for row in connection.execute(query("select_migration_checksums"))
        }
        for migration in self._migrations[:version]:
            then, checksum, applied_at = applied.get(migration.version, (None, None, None))
            if then is None:
                # Applied by golang-migrate, which keeps no checksums.
                self._remember(connection, migration, engine)
            elif then != engine:
                raise MigrationError(
                    f"migration {migration.name} was applied for {then}, but the database is "
                    f"{engine} now; the extension timescaledb came or went afterwards: undo that, "
                    "or migrate a new database and fill it by a backfill"
                )
            elif checksum != migration.checksum(engine):
                raise ChangedMigration(
                    f"{migration.path(engine, 'up')} was changed after it was applied on "
                    f"{applied_at:%Y-%m-%d %H:%M} UTC: its checksum is "
                    f"{migration.checksum(engine)[:12]}, applied was {checksum[:12]}; put the file "
                    "back as it was, and make the change in a new migration"
                )

    def _apply(
        self,
        connection: Connection,
        migration: Migration,
        engine: Engine,
        way: Way,
        text: str,
        version: int,
    ) -> None:
        try:
            with connection.transaction():
                connection.execute(query("pin_search_path"))
                connection.execute(text)
                connection.execute(query("clear_migration_ledger"))
                if version:
                    connection.execute(query("insert_migration_version"), [version])
                connection.execute(query("delete_migration_checksums"), [version])
                if way == "up":
                    self._remember(connection, migration, engine)
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            hint = f" ({error.diag.message_hint})" if error.diag.message_hint else ""
            raise MigrationError(
                f"{migration.path(engine, way)} failed: {error.diag.message_primary or error}"
                f"{hint}; nothing of it was applied, the files before it were; remove the cause "
                "and migrate again"
            ) from error

    def _remember(self, connection: Connection, migration: Migration, engine: Engine) -> None:
        connection.execute(
            query("insert_migration_checksum"),
            [migration.version, migration.topic, engine, migration.checksum(engine)],
        )

    def _engine(self, connection: Connection, version: int) -> Engine:
        """Return what the database is, or what the first migration would make of it."""
        if _yes(connection, "select_engine"):
            return "timescaledb"
        if version or not _yes(connection, "select_timescaledb_offered"):
            return "postgresql"
        try:
            with connection.transaction(force_rollback=True):
                cursor = connection.execute(query("probe_timescaledb"))
                cursor.nextset()
                row = cursor.fetchone()
        except psycopg.OperationalError:
            raise
        except psycopg.Error:
            # Not allowed to create it, or not loadable: this database can only be plain.
            return "postgresql"
        return "timescaledb" if row and row[0] else "postgresql"


def _yes(connection: Connection, name: str) -> bool:
    row = connection.execute(query(name)).fetchone()
    return bool(row and row[0])


def _lock_key(database: str) -> int:
    return crc32(f"public\0schema_migrations\0{database}".encode()) * _LOCK_SALT % 2**32
