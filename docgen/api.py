"""The page of the API: its functions, as a migrated database has them."""

from __future__ import annotations

import psycopg

from docgen.api_catalog import Function, errors, functions
from docgen.api_examples import Example, request
from docgen.markdown import anchor, block, code, codes, folded, page, table, wrapped
from docgen.sql_errors import Raised
from tests.fix_postgres import running_cluster
from tests.sql.world import World

INTRODUCTION = """\
The functions of the schema `api`, which PostgREST serves at `/rpc/...` behind Caddy. Reading is by
GET with the arguments in the query string, or by POST with them as JSON; writing is by POST with a
token of the role `writer` (`promtsdb token`). Programs of your own server may call the same in
SQL. `GET /` describes all of it as OpenAPI. The examples are run by a test on both engines,
against a world that is small enough to be worked out by hand; [use the
API](../how-to/use-the-api.md) has more of them.

**Ranges** begin with `p_from` and end before `p_to`. **Values are text**, so that JSON keeps every
digit. **Limits:** 11,000 intervals a range and 11,001 rows an answer; 10 s for reading and 5 s for
writing; a query string of 2,000 characters, `select` of four columns, no regular expressions in
filters; 600 requests a minute from one client, 30 of them writing (`API_RATE_REQUESTS`,
`API_RATE_WRITES`, `API_RATE_WINDOW` in the [settings](settings.md)). What is refused says why:
[answers of the API](errors.md#answers-of-the-api).
"""
_WHO = {"web_anon": "anybody", "writer": "a token of the role `writer`"}
_TYPES = {
    "timestamp with time zone": "timestamptz",
    "double precision": "float8",
}


def page_text() -> str:
    """Return the page, from a database that is made for it."""
    with (
        running_cluster("postgresql") as cluster,
        psycopg.connect(cluster.migrated_url(), autocommit=True) as connection,
    ):
        return page_of(World(connection, cluster.engine))


def page_of(world: World) -> str:
    """Return the page, from a migrated and empty database."""
    found = functions(world.connection)
    refused = errors(world.connection)
    example = Example(world)
    lines = ["## Functions", ""]
    lines += table(
        ("function", "what it answers", "for"),
        (
            (f"[{code(each.name)}]({anchor(each.name)})", each.summary, _callers(each))
            for each in found
        ),
    )
    for each in found:
        lines += _section(each, refused[each.name], example)
    return page("API", INTRODUCTION, lines)


def _callers(function: Function) -> str:
    return " and ".join(_WHO[name] for name in function.callers) or "nobody"


def _section(function: Function, refused: list[Raised], example: Example) -> list[str]:
    lines = [f"## {function.name}", "", *wrapped(f"{function.summary} {function.description}")]
    if function.arguments:
        lines += table(
            ("argument", "type", "what"),
            (
                (code(name), _type(kind), function.argument(name))
                for name, kind in zip(function.arguments, function.types, strict=True)
            ),
        )
    lines += [f"**Answers** {_result(function)}. **For** {_callers(function)}.", ""]
    lines += block("\n".join(filter(None, request(function))), "http")
    answer = example.answer(function)
    lines += block(answer, "json") if answer else ["204, without a body.", ""]
    if refused:
        states = codes(dict.fromkeys(each.state for each in refused))
        told = [*(f"* {code(each.state)} {each.message}" for each in refused), ""]
        lines += folded(f"Refuses with {states.replace('`', '')}", told)
    return lines


def _result(function: Function) -> str:
    if function.columns:
        columns = (
            f"{name} {_type(kind)}"
            for name, kind in zip(function.columns, function.column_types, strict=True)
        )
        return f"rows of {codes(columns)}"
    return "nothing" if function.result == "void" else f"one {code(_type(function.result))}"


def _type(name: str) -> str:
    return _TYPES.get(name, name)
