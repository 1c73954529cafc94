"""Run every partition of every group in an order of its own; made to be killed.

`python -m tests.integration.backfill_worker DATABASE_URL SOURCE_URL SEED` prints `ready` when it
begins, and exits with 0 when everything is done.
"""

from __future__ import annotations

import random
import sys

from promtsdb_dagster.adapters.prometheus import Prometheus
from tests.fix_postgres import ScratchDatabase
from tests.fix_prometheus import NOW, History


def main(database_url: str, source_url: str, seed: int) -> None:
    """Do all partitions, shuffled by the seed."""
    chance = random.Random(seed)
    with Prometheus(source_url, attempts=2) as source:
        history = History(source_url, source)
        # Small units, so that there are many commits to be killed between.
        backfill = history.backfill(ScratchDatabase(database_url), instants_per_unit=1)
        work = [
            (group, day)
            for group in ("backfill_forever", "backfill_1y", "backfill_1w", "live")
            for day in history.days(group)
        ]
        chance.shuffle(work)
        print("ready", flush=True)
        for group, day in work:
            report = backfill.run(group, [day], now=NOW, run_id=f"seed {seed}")
            if report.error is not None:
                raise report.error


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
