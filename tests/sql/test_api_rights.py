"""The shape of the API and who may call it, as the catalog has it and as the roles find it."""

from __future__ import annotations

import psycopg
import pytest

from tests.sql.world import World, days_ago

SERIES = 'TABLE("timestamp" timestamp with time zone, value text)'
NAMED = 'TABLE("timestamp" timestamp with time zone, table_name text, value text)'
DEGREES = "latitude double precision, longitude double precision"
RANGE = "p_interval interval, p_from timestamp with time zone, p_to timestamp with time zone"
COVERAGE = (
    '"timestamp" timestamp with time zone, name text, resolution text, hours integer,'
    " stored integer, absent integer, missing integer, missing_minutes integer"
)
READERS = {
    "get_agg_metric": (f"p_metric_name text, p_schema text, {RANGE}", SERIES),
    "get_agg_cumsum_metric": (f"p_metric_name text, p_schema text, {RANGE}", SERIES),
    "get_agg_circulating_supply": (f"p_schema text, {RANGE}", SERIES),
    "get_agg_burned_supply": (f"p_schema text, {RANGE}", SERIES),
    "get_agg_fdv": (f"p_schema text, {RANGE}", SERIES),
    "get_agg_market_cap": (f"p_schema text, {RANGE}", SERIES),
    "get_latest_circulating_supply": ("p_schema text", SERIES),
    "get_latest_burned_supply": ("p_schema text", SERIES),
    "get_latest_fdv": ("p_schema text", SERIES),
    "get_latest_market_cap": ("p_schema text", SERIES),
    "get_all_latest_token_metrics": ("p_schema text", NAMED),
    "get_latest_mainnet_circulating_supply_value": ("", "numeric"),
    "get_latest_mainnet_total_supply_value": ("", "numeric"),
    "get_all_latest_mainnet_metrics": ("", NAMED),
    "get_all_latest_testnet_metrics": ("", NAMED),
    "get_all_latest_common_metrics": ("", NAMED),
    "get_all_latest_cumsum_metrics": ("", NAMED),
    "get_latest_geo_coordinates": ("", f"TABLE({DEGREES}, country_name text, city text)"),
    "get_coverage": (f"p_schema text, {RANGE}", f"TABLE({COVERAGE})"),
    "get_excluded_addresses": ("", "TABLE(id integer, value text)"),
}
WRITERS = {
    "add_excluded_address": ("p_value text", "void"),
    "rm_excluded_address": ("p_value text", "void"),
}

SHAPE = """
SELECT p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid)
FROM pg_proc p WHERE p.pronamespace = 'api'::regnamespace
"""
CALLABLE = """
SELECT p.pronamespace::regnamespace || '.' || p.proname
FROM pg_proc p
WHERE p.pronamespace = ANY (ARRAY['api', 'internal', 'cumsum', 'geo']::regnamespace[])
    AND has_function_privilege(%s, p.oid, 'EXECUTE')
"""
SUMMARIES = """
SELECT p.proname, split_part(obj_description(p.oid, 'pg_proc'), E'\\n', 1)
FROM pg_proc p WHERE p.pronamespace = 'api'::regnamespace
"""


def names(world: World, statement: str, *arguments: object) -> set[str]:
    return {row[0] for row in world.connection.execute(statement, arguments)}


def test_names_arguments_and_columns_are_what_callers_rely_on(empty_world: World) -> None:
    found = {name: shape for name, *shape in empty_world.connection.execute(SHAPE)}
    assert found == {name: list(shape) for name, shape in {**READERS, **WRITERS}.items()}


def test_only_the_two_writing_functions_are_volatile(empty_world: World) -> None:
    found = dict(
        empty_world.connection.execute(
            "SELECT proname, provolatile FROM pg_proc WHERE pronamespace = 'api'::regnamespace"
        ).fetchall()
    )
    assert found == {**dict.fromkeys(READERS, "s"), **dict.fromkeys(WRITERS, "v")}


def test_every_function_opens_its_comment_with_a_summary(empty_world: World) -> None:
    for name, summary in empty_world.connection.execute(SUMMARIES):
        assert summary, name
        assert summary.endswith("."), name
        assert len(summary) <= 100, name


def test_the_schema_holds_nothing_but_functions(empty_world: World) -> None:
    relations = "SELECT relname FROM pg_class WHERE relnamespace = 'api'::regnamespace"
    assert names(empty_world, relations) == set()


def test_each_role_may_execute_its_functions_and_no_others(empty_world: World) -> None:
    assert names(empty_world, CALLABLE, "web_anon") == {f"api.{name}" for name in READERS}
    assert names(empty_world, CALLABLE, "writer") == {f"api.{name}" for name in WRITERS}


def test_web_anon_reads_answers_without_reading_tables(world: World) -> None:
    start = days_ago(3)
    world.put("node_count", "common", start, 3)
    world.put("manifest_geo_latitude", "geo", start, 1, instance="a:1")
    world.put("manifest_geo_longitude", "geo", start, 2, instance="a:1")
    world.settle()
    world.connection.execute("SET ROLE web_anon")
    assert world.ask("get_all_latest_common_metrics") == [(start, "node_count", "3")]
    assert world.ask("get_latest_geo_coordinates") == [(1.0, 2.0, None, None)]
    day = ("1 day", start, days_ago(2))
    assert world.ask("get_agg_metric", "node_count", "common", *day) == [(start, "3")]
    assert world.ask("get_agg_cumsum_metric", "web_requests", "cumsum", *day) == []
    for name, (arguments, _) in READERS.items():
        if arguments == "":
            world.ask(name)
        elif arguments == "p_schema text":
            assert world.ask(name, "mainnet") == []
        elif arguments == f"p_schema text, {RANGE}":
            assert world.ask(name, "mainnet", *day) == []


def test_the_writer_changes_the_list(world: World) -> None:
    world.connection.execute("SET ROLE writer")
    world.ask("add_excluded_address", "a")
    world.ask("add_excluded_address", "b")
    world.ask("rm_excluded_address", "a")
    world.connection.execute("SET ROLE web_anon")
    assert [row[1] for row in world.ask("get_excluded_addresses")] == ["b"]


@pytest.mark.parametrize("function", [*READERS, *WRITERS])
def test_readers_work_in_a_read_only_transaction(empty_world: World, function: str) -> None:
    """PostgREST runs what is called by GET, and every STABLE function, in one."""
    arguments = {**READERS, **WRITERS}[function][0]
    given: dict[str, tuple[object, ...]] = {
        "": (),
        "p_schema text": ("mainnet",),
        "p_value text": ("a",),
        f"p_schema text, {RANGE}": ("mainnet", "1 day", days_ago(2), days_ago(1)),
    }
    schema = "cumsum" if "cumsum" in function else "common"
    series = ("node_count", schema, "1 day", days_ago(2), days_ago(1))
    empty_world.connection.execute("SET TRANSACTION READ ONLY")
    if function in WRITERS:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            empty_world.ask(function, *given[arguments])
    else:
        empty_world.ask(function, *given.get(arguments, series))
