"""The graph lists every function of the schema api, with its arguments, below what it reads."""

from __future__ import annotations

import psycopg

from promtsdb_dagster.defs.api import FAMILIES
from tests.fix_postgres import ScratchDatabase

_FUNCTIONS = """
    SELECT p.proname, array_to_string((p.proargnames)[1:p.pronargs], ', ')
    FROM pg_proc p WHERE p.pronamespace = 'api'::regnamespace
"""


def test_families_hold_every_function_once(database: ScratchDatabase) -> None:
    with psycopg.connect(database.url) as connection:
        stored = {name: arguments or "" for name, arguments in connection.execute(_FUNCTIONS)}
    listed = [function for family in FAMILIES for function in family.functions]
    assert {function.name: function.arguments for function in listed} == stored
    assert len(listed) == len(stored)
