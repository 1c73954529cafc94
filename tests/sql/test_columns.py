"""What the graph says of the columns of a table is what the database has, on either engine."""

from __future__ import annotations

import psycopg

from promtsdb_dagster.defs.columns import COLUMNS
from tests.fix_postgres import ScratchDatabase

_TABLES = [table for table in COLUMNS if "prometheus_remote_write" in table]
_COLUMNS = """
    SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull
    FROM pg_attribute a
    WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum
"""


def test_columns_are_those_of_the_database(database: ScratchDatabase) -> None:
    with psycopg.connect(database.url) as connection:
        for table, schema in COLUMNS.items():
            stored = connection.execute(_COLUMNS, [table]).fetchall()
            assert [(column.name, column.type) for column in schema.columns] == [
                (name, type_) for name, type_, _ in stored
            ], table
            said = {column.name for column in schema.columns if not column.constraints.nullable}
            # Buckets are a view or a table with a key, by the engine.
            filled = {name for name, _, filled in stored if filled and table in _TABLES}
            assert said == filled, table
            assert all(column.description for column in schema.columns), table
