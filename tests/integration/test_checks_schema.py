"""The check of the schema passes on what the migrations made, and names what was changed since."""

from __future__ import annotations

import pytest

from promtsdb_dagster.adapters.audit_schema import SchemaAudit
from promtsdb_dagster.adapters.migrations import Migrator, load_migrations
from promtsdb_dagster.core.verdicts import Verdict
from tests.fix_postgres import SQL_DIR, ScratchDatabase

REPLACED = (
    "CREATE OR REPLACE FUNCTION internal.share_totals() RETURNS void LANGUAGE sql AS 'VALUES (1)'"
)
MIGRATIONS = load_migrations(SQL_DIR)


def check(database: ScratchDatabase) -> Verdict:
    migrator = Migrator(database, MIGRATIONS)
    return SchemaAudit(database, migrator, MIGRATIONS).judge()


def test_what_the_migrations_made_passes(database: ScratchDatabase) -> None:
    verdict = check(database)
    assert verdict.passed, verdict.text
    assert verdict.facts["version"] == len(MIGRATIONS)
    functions = verdict.facts["functions"]
    assert isinstance(functions, int)
    assert functions > 40


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("DROP FUNCTION internal.note_change(text, timestamptz, timestamptz, text)", "gone"),
        (
            REPLACED,
            "functions are not what the migrations made: internal.share_totals",
        ),
        (
            "ALTER TABLE staging_cumsum.prometheus_remote_write DISABLE TRIGGER ALL",
            "trigger trg_flush_prometheus_remote_write on staging_cumsum.prometheus_remote_write",
        ),
        (
            "ALTER TABLE internal.excluded_addresses ADD CHECK (value <> '') NOT VALID",
            "constraint excluded_addresses_value_check on internal.excluded_addresses",
        ),
        (
            "UPDATE public.schema_migrations SET version = 999",
            "is at version 999",
        ),
        ("UPDATE public.schema_migrations SET dirty = true", "stopped half-way"),
        (
            "UPDATE public.schema_migration_checksums SET checksum = 'x' WHERE version = 8",
            "was changed after it was applied",
        ),
    ],
)
def test_what_somebody_changed_is_named(database: ScratchDatabase, change: str, said: str) -> None:
    with database.connection() as connection:
        connection.execute(change)
    verdict = check(database)
    assert said in verdict.text
    assert any(
        word in verdict.text for word in ("run ", "put the file", "ALTER TABLE", "migrate force")
    )
    assert verdict.severe


def test_what_is_not_applied_is_named(empty_database: ScratchDatabase) -> None:
    verdict = check(empty_database)
    assert f"{len(MIGRATIONS)} migrations are not applied" in verdict.text
    assert "make migrate" in verdict.text
