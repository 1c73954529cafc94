"""Change a JSON answer at one place, as a stranger's server would: other types, other shapes."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

_POOL: tuple[Any, ...] = (
    None, True, 0, -1, 1, 1767225600, 1767225600.5, 1e300, -1e300, 2**63, 2**200, "", "0", "1",
    "NaN", "-Inf", "1e22", "x" * 3_000, "\0", "\ud800", [], {}, [[]], [1767225600, "1"], {"a": {}},
)  # fmt: skip


def json_mutator(mutate: Callable[[bytes, int], bytes]) -> Callable[[bytes, int, int], bytes]:
    """Return libFuzzer's custom mutator for `<head>`, a line feed, and JSON."""

    def change(data: bytes, max_size: int, seed: int) -> bytes:
        chance = random.Random(seed)
        head, feed, body = data.partition(b"\n")
        if chance.random() < 0.5:
            return mutate(data, max_size)
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            return mutate(data, max_size)
        try:
            changed = head + feed + json.dumps(_changed(document, chance)).encode()
        except (ValueError, RecursionError):
            return mutate(data, max_size)
        return changed if len(changed) <= max_size else mutate(data, max_size)

    return change


def _changed(document: Any, chance: random.Random) -> Any:
    places: list[tuple[Any, Any]] = []
    if isinstance(document, (dict, list)):
        _walk(document, places)
    if not places:
        return chance.choice(_POOL)
    within, key = chance.choice(places)
    what = chance.randrange(4)
    if what == 0 and isinstance(within, list):
        within.insert(key, chance.choice(within))
    elif what == 1:
        del within[key]
    elif what == 2:
        other, at = chance.choice(places)
        # A copy: a document that holds itself cannot be written.
        within[key] = json.loads(json.dumps(other[at]))
    else:
        within[key] = chance.choice(_POOL)
    return document


def _walk(node: Any, places: list[tuple[Any, Any]]) -> None:
    pairs = node.items() if isinstance(node, dict) else enumerate(node)
    for key, child in pairs:
        places.append((node, key))
        if isinstance(child, (dict, list)):
            _walk(child, places)
