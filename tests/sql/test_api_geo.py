"""The newest known position of each instance."""

from __future__ import annotations

from datetime import datetime

from tests.sql.world import HOUR, MINUTE, World, days_ago

START = days_ago(20)


def put_position(
    world: World, instance: str, at: datetime, latitude: str, longitude: str, *place: str
) -> None:
    labels = dict(zip(("country_name", "city"), place, strict=False))
    world.put("manifest_geo_latitude", "geo", at, latitude, instance=instance)
    world.put("manifest_geo_longitude", "geo", at, longitude, instance=instance)
    world.put("manifest_geo_metadata", "geo", at, 1, instance=instance, **labels)


def test_each_instance_has_its_newest_position(world: World) -> None:
    put_position(world, "b:1", START, "40.804", "-74.012", "United States", "North Bergen")
    put_position(world, "a:1", START, "1", "2", "France", "Lyon")
    put_position(world, "a:1", START + HOUR, "45.5", "-73.6", "Canada", "Montréal")
    world.settle()
    assert world.ask("get_latest_geo_coordinates") == [
        (45.5, -73.6, "Canada", "Montréal"),
        (40.804, -74.012, "United States", "North Bergen"),
    ]


def test_an_instance_that_stopped_reporting_stays(world: World) -> None:
    put_position(world, "gone:1", START, "1", "2", "France", "Lyon")
    for hour in range(1, 5):
        put_position(world, "here:1", START + hour * HOUR, "3", "4", "Canada", "Laval")
    world.settle()
    assert world.ask("get_latest_geo_coordinates") == [
        (1.0, 2.0, "France", "Lyon"),
        (3.0, 4.0, "Canada", "Laval"),
    ]


def test_the_parts_may_come_in_different_minutes(world: World) -> None:
    put_position(world, "a:1", START, "1", "2", "France", "Lyon")
    world.put("manifest_geo_latitude", "geo", START + MINUTE, "1.5", instance="a:1")
    world.put("manifest_geo_longitude", "geo", START + 2 * MINUTE, "2.5", instance="a:1")
    world.settle()
    assert world.ask("get_latest_geo_coordinates") == [(1.5, 2.5, "France", "Lyon")]


def test_an_unknown_place_is_null_and_an_unknown_position_has_no_row(world: World) -> None:
    put_position(world, "a:1", START, "1", "2")
    world.put("manifest_geo_latitude", "geo", START, "9", instance="half:1")
    world.put("manifest_geo_metadata", "geo", START, 1, instance="none:1", city="Lyon")
    world.settle()
    assert world.ask("get_latest_geo_coordinates") == [(1.0, 2.0, None, None)]


def test_nothing_known(world: World) -> None:
    assert world.ask("get_latest_geo_coordinates") == []
