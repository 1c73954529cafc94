"""Prometheus answers late, badly, or not at all."""

from __future__ import annotations

import gzip
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import orjson

from faults.fault import Fault, Try
from faults.proxy_http import Answer, Change, HttpProxy
from faults.trying import AGAIN, BOTH, expect, expect_none, half_way, judged, run
from faults.world import World
from promtsdb_dagster.errors import SourceError, SourceUnavailable

_TRIES = {"short": 1, "long": 10}
# What the tests of the source try in little at every run, the short form leaves out.
_LONG_ONLY = {"short": 0, "long": 10}
_SHORT = {"429-retry-after", "truncated", "partial"}


def _status(status: int, **headers: str) -> Change:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda answer: replace(
        answer, status=status, body=b'{"status":"error","error":"injected"}', headers=named
    )


def _edited(edit: Callable[[dict[str, Any]], None]) -> Change:
    def change(answer: Answer) -> Answer:
        document = orjson.loads(answer.body)
        edit(document)
        return replace(answer, body=orjson.dumps(document))

    return change


def _more(**fields: object) -> Change:
    return _edited(lambda document: document.update(fields))


def _reverse_series(document: dict[str, Any]) -> None:
    document["data"]["result"].reverse()


def _reverse_samples(document: dict[str, Any]) -> None:
    for series in document["data"]["result"]:
        series["values"].reverse()


def _double_sample(document: dict[str, Any]) -> None:
    for series in document["data"]["result"]:
        series["values"].append(series["values"][-1])


def _shift(document: dict[str, Any]) -> None:
    for series in document["data"]["result"]:
        series["values"] = [[at + 1, value] for at, value in series["values"]]


def _cut_text(answer: Answer) -> Answer:
    return replace(answer, body=answer.body[: len(answer.body) // 2])


def _broken_gzip(answer: Answer) -> Answer:
    packed = gzip.compress(answer.body)
    spoiled = packed[:20] + bytes(byte ^ 0xFF for byte in packed[20:40]) + packed[40:]
    return replace(answer, body=spoiled, headers={"Content-Encoding": "gzip"})


def _page(answer: Answer) -> Answer:
    return replace(answer, body=b"<html>Please log in</html>", content_type="text/html")


# Over after one or two answers, and then asked again within the run.
_BY_ITSELF: Mapping[str, tuple[str, Change]] = {
    "slow": ("answers a second late", lambda answer: replace(answer, seconds=1)),
    "429": ("answers 429 for once", _status(429)),
    "429-retry-after": ("answers 429 and says after how long", _status(429, Retry_After="1")),
    "503": ("answers 503 for once", _status(503)),
    "reset": ("resets the connection", lambda answer: replace(answer, reset=True)),
    "truncated": (
        "ends the connection in mid-answer",
        lambda answer: replace(answer, body=answer.body[:-5], promised=5),
    ),
    "series-order": ("gives series in another order", _edited(_reverse_series)),
    "content-type": (
        "says text/plain of JSON",
        lambda answer: replace(answer, content_type="text/plain"),
    ),
    "infos": ("adds remarks of no consequence", _more(infos=["metric might not be a counter"])),
}
# The window fails as a whole, and nothing of it may stay.
_REFUSED: Mapping[str, tuple[str, Change]] = {
    "page": ("answers 200 with a login page", _page),
    "cut-json": ("answers half of the JSON as if it were all", _cut_text),
    "gzip": ("answers with broken compression", _broken_gzip),
    "warnings": ("answers with warnings", _more(warnings=["results truncated"])),
    "partial": ("answers with isPartial", _more(isPartial=True)),
    "sample-order": ("gives samples in the wrong order", _edited(_reverse_samples)),
    "sample-twice": ("gives a sample twice", _edited(_double_sample)),
    "off-step": ("gives samples between the steps", _edited(_shift)),
    "400": ("refuses the query", _status(400)),
}


def _healing(change: Change, times: int) -> Callable[[World, random.Random], Try]:
    def attempt(world: World, chance: random.Random) -> Try:
        world.new_database()
        with HttpProxy(world.prometheus.url).running() as proxy:
            proxy.spoil(change, times=times, after=chance.randrange(12))
            with world.backfill(source_url=proxy.url) as backfill:
                expect_none(run(backfill, world))
            _require(proxy)
            return judged(world, proxy.spoiled_at, f"{proxy.spoiled} of {proxy.asked} answers")

    return attempt


def _refusing(change: Change) -> Callable[[World, random.Random], Try]:
    def attempt(world: World, chance: random.Random) -> Try:
        world.new_database()
        with HttpProxy(world.prometheus.url).running() as proxy:
            proxy.spoil(change, times=10**6, after=chance.randrange(12))
            with world.backfill(source_url=proxy.url) as backfill:
                expect(run(backfill, world), SourceError)
                _require(proxy)
                before = half_way(world)
                proxy.mend()
                began = time.monotonic()
                expect_none(run(backfill, world))
            return judged(world, began, f"{proxy.spoiled} answers", before=before)

    return attempt


def _down(world: World, chance: random.Random) -> Try:
    """Nothing but 503 for longer than a run waits."""
    world.new_database()
    with HttpProxy(world.prometheus.url).running() as proxy:
        proxy.spoil(_status(503), times=10**6, after=chance.randrange(12))
        with world.backfill(source_url=proxy.url) as backfill:
            expect(run(backfill, world), SourceUnavailable, "503")
            before = half_way(world)
            proxy.mend()
            began = time.monotonic()
            expect_none(run(backfill, world))
        return judged(world, began, f"{proxy.spoiled} answers", before=before)


def _empty(world: World, chance: random.Random) -> Try:
    """Answer everything with nothing, as a new server does; then as it should."""
    del chance
    world.new_database()

    def nothing(document: dict[str, Any]) -> None:
        document["data"]["result"] = []

    with HttpProxy(world.prometheus.url).running() as proxy:
        proxy.spoil(_edited(nothing), times=10**6)
        with world.backfill(source_url=proxy.url) as backfill:
            expect_none(run(backfill, world))
            before = half_way(world)
            proxy.mend()
            began = time.monotonic()
            expect_none(run(backfill, world))
        return judged(world, began, f"{proxy.spoiled} answers", before=before)


def _require(proxy: HttpProxy) -> None:
    if not proxy.spoiled:
        raise AssertionError("the fault did not strike")


def _tries(name: str) -> Mapping[str, int]:
    return _TRIES if name in _SHORT else _LONG_ONLY


FAULTS = [
    *(
        Fault(f"source-{name}", f"Prometheus {what}", BOTH, _tries(name), (), _healing(change, 2))
        for name, (what, change) in _BY_ITSELF.items()
    ),
    *(
        Fault(
            f"source-{name}", f"Prometheus {what}", BOTH, _tries(name), (), _refusing(change), AGAIN
        )
        for name, (what, change) in _REFUSED.items()
    ),
    Fault("source-down", "Prometheus answers 503 only", BOTH, _LONG_ONLY, (), _down, AGAIN),
    Fault("source-empty", "Prometheus answers with nothing", BOTH, _TRIES, (), _empty, AGAIN),
]
