"""Which files make a version, and what is wrong with them."""

from __future__ import annotations

import pytest

from promtsdb_dagster.core.migrations import assemble
from promtsdb_dagster.errors import MigrationError

BOTH = {"001_a.up.sql": "up 1", "001_a.down.sql": "down 1"}


def test_portable_text_is_for_plain_postgresql_alone() -> None:
    files = {**BOTH, "002_b.up.sql": "up 2", "002_b.down.sql": "down 2"}
    portable = {"002_b.up.sql": "portable up", "002_b.down.sql": "portable down"}

    first, second = assemble(files, portable)

    assert (first.version, first.topic, first.name) == (1, "a", "001_a")
    assert first.up_text("postgresql") == first.up_text("timescaledb") == "up 1"
    assert second.up_text("timescaledb") == "up 2"
    assert second.up_text("postgresql") == "portable up"
    assert second.down_text("postgresql") == "portable down"
    assert first.checksum("postgresql") == first.checksum("timescaledb")
    assert second.checksum("postgresql") != second.checksum("timescaledb")
    assert second.path("postgresql", "up") == "sql/portable/002_b.up.sql"
    assert first.path("postgresql", "up") == "sql/migrations/001_a.up.sql"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"1_a.up.sql": ""}, "migrations/1_a.up.sql is not a legal name"),
        ({"001_A.up.sql": ""}, "not a legal name"),
        ({"001-a.up.sql": ""}, "not a legal name"),
        ({"README.md": ""}, "not a legal name"),
        ({"001_a.up.sql": ""}, "001_a.up.sql has no 001_a.down.sql beside it"),
        ({"001_a.down.sql": ""}, "001_a.down.sql has no 001_a.up.sql beside it"),
        ({"002_a.up.sql": "", "002_a.down.sql": ""}, "has the number 002, wanted 001"),
        (
            {**BOTH, "003_c.up.sql": "", "003_c.down.sql": ""},
            "003_c.up.sql has the number 003, wanted 002",
        ),
        (
            {**BOTH, "001_b.up.sql": "", "001_b.down.sql": ""},
            "001_b.up.sql has the number 001, wanted 002",
        ),
    ],
)
def test_illegal_folders_are_named(files: dict[str, str], message: str) -> None:
    with pytest.raises(MigrationError, match=message):
        assemble(files, {})


@pytest.mark.parametrize(
    ("portable", "message"),
    [
        ({"001_b.up.sql": "", "001_b.down.sql": ""}, "portable/001_b.down.sql replaces no file"),
        ({"001_a.up.sql": ""}, "portable/001_a.up.sql has no 001_a.down.sql"),
    ],
)
def test_portable_files_stand_for_others(portable: dict[str, str], message: str) -> None:
    with pytest.raises(MigrationError, match=message):
        assemble(BOTH, portable)
