"""What every SQL file of the project keeps to, checked on its syntax tree."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pglast import ast, enums, parse_sql
from pglast.visitors import Visitor

from tests.fix_postgres import SQL_DIR, ScratchDatabase

FILES = sorted([*(SQL_DIR / "migrations").glob("*.sql"), *(SQL_DIR / "portable").glob("*.sql")])
UPS = [path for path in FILES if path.name.endswith(".up.sql")]
TRANSACTION = enums.TransactionStmtKind


def label(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def statements(path: Path) -> Iterator[ast.Node]:
    for raw in parse_sql(path.read_text(encoding="utf-8")):
        yield raw.stmt


def options(function: ast.CreateFunctionStmt) -> dict[str, object]:
    return {option.defname: option.arg for option in function.options or ()}


@pytest.mark.parametrize("path", FILES, ids=label)
def test_files_are_short_and_parse(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < 120
    assert list(statements(path))


@pytest.mark.parametrize("path", FILES, ids=label)
def test_the_migrator_holds_the_transaction(path: Path) -> None:
    """A COMMIT inside a file would part it from its entry in the ledger."""
    assert not [stmt for stmt in statements(path) if isinstance(stmt, ast.TransactionStmt)]


@pytest.mark.parametrize("path", FILES, ids=label)
def test_no_password_and_no_superuser(path: Path) -> None:
    assert not re.search(r"\b(password|superuser|trust)\b", path.read_text(), re.IGNORECASE)


@pytest.mark.parametrize("path", UPS, ids=label)
def test_every_function_is_safe_from_the_callers_search_path(path: Path) -> None:
    """Pinned, or written so that its names are bound when it is created."""
    for stmt in statements(path):
        if not isinstance(stmt, ast.CreateFunctionStmt):
            continue
        name = ".".join(part.sval for part in stmt.funcname)
        assert len(stmt.funcname) == 2, f"{name} names no schema"
        if stmt.sql_body is not None:
            continue
        if stmt.is_procedure:
            # One that ends transactions may pin nothing; it is the owner's, who calls it himself.
            assert re.search(
                rf"REVOKE EXECUTE ON PROCEDURE {name}\(.*\) FROM PUBLIC", path.read_text()
            )
            continue
        pinned = [
            [value.val.sval for value in option.arg.args]
            for option in stmt.options
            if option.defname == "set" and option.arg.name == "search_path"
        ]
        assert pinned == [["pg_catalog", "pg_temp"]], name


class Tables(Visitor):
    """Collect the tables that a statement names without a schema."""

    def __init__(self) -> None:
        super().__init__()
        self.bare: set[str] = set()
        self.local: set[str] = set()

    def visit_CommonTableExpr(self, _: object, node: ast.CommonTableExpr) -> None:
        self.local.add(node.ctename)

    def visit_RangeVar(self, _: object, node: ast.RangeVar) -> None:
        if node.schemaname is None:
            self.bare.add(node.relname)


@pytest.mark.parametrize("path", FILES, ids=label)
def test_every_table_is_named_with_its_schema(path: Path) -> None:
    for stmt in statements(path):
        found = Tables()
        found(stmt)
        # An alias of INSERT .. AS and the index that CREATE INDEX makes are no tables.
        assert found.bare <= found.local, found.bare - found.local


def test_public_may_execute_nothing(database: ScratchDatabase) -> None:
    with database.connection() as connection:
        rows = connection.execute(
            "SELECT p.oid::regprocedure::text FROM pg_proc p"
            " JOIN pg_namespace n ON n.oid = p.pronamespace"
            " CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS g"
            " WHERE n.nspname IN ('api', 'internal', 'cumsum', 'geo', 'staging_internal',"
            " 'staging_cumsum') AND g.grantee = 0"
        ).fetchall()
        assert rows == []
        connection.execute("CREATE FUNCTION internal.later() RETURNS int LANGUAGE sql RETURN 1")
        granted = connection.execute(
            "SELECT has_function_privilege('web_anon', 'internal.later()', 'EXECUTE')"
        ).fetchone()
        assert granted == (False,)
        connection.rollback()
