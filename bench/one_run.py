"""One run of a backfill asset in a process of its own: `python -m bench.one_run ASSET FROM TO`.

What a command runs: the same definitions, recorded in the DAGSTER_HOME of the environment. Prints
one JSON object.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

STARTED = time.perf_counter()

# The time that imports take is one of the things to be told.
import dagster as dg  # noqa: E402

from promtsdb_dagster.commands.runs import materialize  # noqa: E402
from promtsdb_dagster.core.backfill import Backfill  # noqa: E402
from promtsdb_dagster.core.windows import Window, parse_instant  # noqa: E402
from promtsdb_dagster.definitions import build  # noqa: E402
from promtsdb_dagster.defs.groups import backfill_groups  # noqa: E402
from promtsdb_dagster.installation import Installation, install  # noqa: E402
from promtsdb_dagster.settings import load_settings  # noqa: E402


def main(asset: str, start: str, end: str) -> dict[str, float]:
    """Return what the run took: seconds, rows, and the most memory of this process in MB."""
    settings = load_settings()
    installation = install(settings)
    definitions = build(settings, installation)
    engine = 0.0

    def timed(work: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: object, **options: object) -> object:
            nonlocal engine
            began = time.perf_counter()
            try:
                return work(*arguments, **options)
            finally:
                engine += time.perf_counter() - began

        return call

    # All that an asset does without Dagster: read the rules, ask the clock, move the rows.
    for owner, name in ((Installation, "backfill"), (Backfill, "check_clock"), (Backfill, "run")):
        setattr(owner, name, timed(getattr(owner, name)))
    group = next(each for each in backfill_groups(settings.history_start) if each.asset == asset)
    window = Window(parse_instant(start), min(parse_instant(end), installation.now()))
    covered = group.grid.covering(window, installation.now())
    if covered is None:
        raise SystemExit(f"{asset} has no partition in {window}")
    with dg.DagsterInstance.get() as instance:
        loaded = time.perf_counter()
        outcome = materialize(definitions, instance, [group.key], tags=group.grid.tags(covered))
        ended = time.perf_counter()
    installation.close()
    if outcome.failure:
        raise SystemExit(outcome.failure)
    written = [event.metadata["rows_written"].value for event in outcome.materializations]
    return {
        "load_seconds": loaded - STARTED,
        "run_seconds": ended - loaded,
        "engine_seconds": engine,
        "partitions": len(written),
        "rows": sum(int(str(count)) for count in written),
        "most_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    print("\n" + json.dumps(main(*sys.argv[1:])))
