"""Hostile neighbours in SQL: names that came as data, schemas that others may write to."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from promtsdb_dagster.adapters.migrations import Migration, Migrator, load_migrations
from promtsdb_dagster.errors import MigrationError
from tests.fix_postgres import ScratchDatabase
from tests.sql.test_api_rights import READERS
from tests.sql.world import World, days_ago

EVIL = [
    "a'; DROP TABLE internal.excluded_addresses; --",
    "a' OR '1'='1",
    "a\\'; SELECT 1; --",
    "%s %L %I %1$s %%",
    "$1 $$ $move$ $tags$ $look$",
    'a" ; "b',
    "{schema} {} {0}",
    "a\nb\tc\u2028d",
    "pg_sleep(60)",
]


def test_names_that_came_as_data_are_only_names(database: ScratchDatabase) -> None:
    """As a source may bring them: through aggregates and functions that make SQL of arguments."""
    start = days_ago(2)
    with psycopg.connect(database.url, autocommit=True) as connection:
        world = World(connection, database.engine())
        for name in EVIL:
            labels = {"instance": name, "city": name, "supply": name}
            for schema in ("common", "mainnet"):
                world.put(name, schema, start, 7, **labels)
            world.put(name, "cumsum", start, 7, **labels)
            world.put("manifest_geo_latitude", "geo", start, 7, **labels)
        world.settle()
        connection.execute("SET ROLE web_anon")
        for name in EVIL:
            for function, schema in (("metric", "common"), ("metric", "mainnet")):
                rows = world.ask(
                    f"get_agg_{function}", name, schema, "1 day", days_ago(3), days_ago(1)
                )
                assert [value for _, value in rows] == ["7"], name
            rows = world.ask(
                "get_agg_cumsum_metric", name, "cumsum", "1 day", days_ago(3), days_ago(1)
            )
            assert rows[-1][1] == "7", name
            for function, (arguments, _) in READERS.items():
                if arguments == "p_schema text":
                    with pytest.raises(psycopg.errors.InvalidParameterValue):
                        world.ask(function, name)
        for function, (arguments, _) in READERS.items():
            if arguments == "":
                world.ask(function)
        connection.execute("RESET ROLE")
        found = connection.execute("SELECT to_regclass('internal.excluded_addresses')").fetchone()
        assert found != (None,)


def test_a_writer_of_addresses_writes_text(database: ScratchDatabase) -> None:
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("SET ROLE writer")
        taken = []
        for text in EVIL:
            try:
                connection.execute("SELECT api.add_excluded_address(%s)", [text])
                taken.append(text)
            except psycopg.errors.InvalidParameterValue:
                pass
        connection.execute("SET ROLE web_anon")
        found = connection.execute("SELECT value FROM api.get_excluded_addresses()").fetchall()
        assert {row[0] for row in found} == set(taken)


def migrations(folder: Path, text: str) -> tuple[Migration, ...]:
    for kind in ("migrations", "portable"):
        (folder / kind).mkdir(parents=True)
    (folder / "migrations" / "001_first.up.sql").write_text(text)
    (folder / "migrations" / "001_first.down.sql").write_text("SELECT;\n")
    return load_migrations(folder)


def test_migrations_use_nothing_that_others_put_into_public(
    empty_database: ScratchDatabase, tmp_path: Path
) -> None:
    """A cluster that was upgraded from PostgreSQL 14 lets everybody create in `public`."""
    with psycopg.connect(empty_database.url, autocommit=True) as owner:
        owner.execute(
            "CREATE FUNCTION public.concat(text, text) RETURNS text LANGUAGE sql"
            " AS $$ SELECT 'mine' $$"
        )
        # A better match than the server's own, which takes any types.
        assert owner.execute("SELECT concat('a'::text, 'b'::text)").fetchone() == ("mine",)
    text = "CREATE TABLE public.said AS SELECT concat('a'::text, 'b'::text) AS word;\n"
    Migrator(empty_database, migrations(tmp_path, text)).up()
    with psycopg.connect(empty_database.url) as owner:
        assert owner.execute("SELECT word FROM public.said").fetchone() == ("ab",)


def test_a_migration_that_fails_leaves_nothing(
    empty_database: ScratchDatabase, tmp_path: Path
) -> None:
    text = "CREATE TABLE public.half (); SELECT 1 / 0;\n"
    migrator = Migrator(empty_database, migrations(tmp_path, text))
    with pytest.raises(MigrationError, match="division by zero"):
        migrator.up()
    assert migrator.status().version == 0
    with empty_database.connection() as connection:
        assert connection.execute("SELECT to_regclass('public.half')").fetchone() == (None,)
