"""Try faults one after the other; one that fails keeps no other from being tried."""

from __future__ import annotations

import random
import traceback
from collections.abc import Callable, Sequence

from faults.fault import Fault, Try
from faults.results import Result, result_of
from faults.world import World
from promtsdb_dagster.localstack.binaries import find_program

# Of a traceback: what is above is the suite's own.
_FRAMES = 4


def try_all(
    world: World, faults: Sequence[Fault], form: str, show: Callable[[Result], None]
) -> list[Result]:
    """Try every fault of the world's engine as often as the form says."""
    results = []
    for fault in faults:
        if world.engine not in fault.engines or not fault.tries.get(form):
            continue
        if lacking := [name for name in fault.needs if find_program(name) is None]:
            world.say(f"skipped {fault.name}: {', '.join(lacking)} is not installed")
            continue
        result = try_one(world, fault, fault.tries[form])
        results.append(result)
        show(result)
    return results


def try_one(world: World, fault: Fault, times: int) -> Result:
    """Try one fault so often; a try that raises never got right."""
    done: list[Try] = []
    never: list[str] = []
    for number in range(times):
        # Each try has its own chance, so that one can be repeated without those before it.
        chance = random.Random(f"{world.seed} {world.engine} {fault.name} {number}")
        try:
            world.postgres.start()
            world.prometheus.start()
            done.append(fault.run(world, chance))
        # Whatever went wrong: it is what this fault found.
        except Exception as error:
            never.append(f"try {number}: {error}"[:500])
            where = "".join(traceback.format_tb(error.__traceback__)[-_FRAMES:])
            world.say(f"{fault.name} on {world.engine}, try {number}:\n{where}{error!r}"[:4000])
    return result_of(fault, world.engine, done, never)
