"""The list of excluded addresses, and who may change it."""

from __future__ import annotations

import psycopg
import pytest

from tests.sql.world import World

ADDRESS = "manifest1hj5fveer5cjtn4wd6wstzugjfdxzl0xp8ws9ct"


def listed(world: World) -> list[str]:
    return [row[1] for row in world.ask("get_excluded_addresses")]


def test_added_addresses_are_listed_in_order(world: World) -> None:
    assert listed(world) == []
    for value in ("zz", ADDRESS, "aa"):
        world.ask("add_excluded_address", value)
    assert listed(world) == ["zz", ADDRESS, "aa"]
    world.ask("rm_excluded_address", ADDRESS)
    assert listed(world) == ["zz", "aa"]
    identifiers = [row[0] for row in world.ask("get_excluded_addresses")]
    assert identifiers == sorted(set(identifiers))


def test_adding_twice_is_a_conflict(world: World) -> None:
    world.ask("add_excluded_address", ADDRESS)
    with pytest.raises(psycopg.errors.UniqueViolation) as caught:
        world.ask("add_excluded_address", ADDRESS)
    assert caught.value.diag.message_primary == f"address '{ADDRESS}' is already excluded"
    assert "Nothing is left to do" in (caught.value.diag.message_hint or "")
    assert listed(world) == [ADDRESS]


def test_removing_an_unknown_address_is_not_found(world: World) -> None:
    world.ask("add_excluded_address", ADDRESS)
    with pytest.raises(psycopg.Error) as caught:
        world.ask("rm_excluded_address", ADDRESS.upper())
    assert caught.value.sqlstate == "PT404"  # PostgREST answers 404
    assert caught.value.diag.message_primary == "the address is not excluded"
    assert (caught.value.diag.message_detail or "").startswith(f"'{ADDRESS.upper()}' is not in")
    assert "get_excluded_addresses" in (caught.value.diag.message_hint or "")
    assert listed(world) == [ADDRESS]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "NULL"),
        ("", "''"),
        ("   ", "'   '"),
        (f" {ADDRESS}", f"' {ADDRESS}'"),
        (f"{ADDRESS}\n", f"'{ADDRESS}\n'"),
        ("two words", "'two words'"),
        ("tab\there", "'tab\there'"),
        ("non\u00a0breaking", "'non\u00a0breaking'"),
        ("zero\u200bwidth", "'zero\u200bwidth'"),
        ("x" * 256, "'" + "x" * 60 + "...'"),
        ("x" * 10_000, "'" + "x" * 60 + "...'"),
    ],
)
def test_what_cannot_be_an_address_is_refused(world: World, value: str | None, shown: str) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue) as caught:
        world.ask("add_excluded_address", value)
    assert caught.value.diag.message_primary == f"p_value must be an address, got {shown}"
    assert "255 visible ASCII characters" in (caught.value.diag.message_detail or "")
    assert caught.value.diag.message_hint
    assert listed(world) == []


def test_the_longest_address_is_accepted(world: World) -> None:
    world.ask("add_excluded_address", "x" * 255)
    assert listed(world) == ["x" * 255]


def test_what_came_in_another_way_can_be_removed(world: World) -> None:
    world.connection.execute("INSERT INTO internal.excluded_addresses (value) VALUES (' a b ')")
    world.ask("rm_excluded_address", " a b ")
    assert listed(world) == []


def test_removing_null_is_refused(world: World) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        world.ask("rm_excluded_address", None)
