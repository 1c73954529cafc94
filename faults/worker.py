"""Do all partitions of all groups in an order of its own; made to be killed.

`python -m faults.worker SOURCE_URL START BOUNDARY MIDNIGHT NOW` reads one line for each job from
its input, `DATABASE_URL SEED`, and answers `done`; a process that is warm is killed in its work and
not while it imports.
"""

from __future__ import annotations

import random
import sys
from datetime import datetime

from faults.source import Times
from faults.world import opened, work_of


def main(source_url: str, *moments: str) -> None:
    """Do one job after the other."""
    times = Times(*map(datetime.fromisoformat, moments))
    print("ready", flush=True)
    for line in sys.stdin:
        url, seed = line.split()
        work = work_of(times)
        random.Random(int(seed)).shuffle(work)
        # Small units, so that there are many commits to be killed between.
        with opened(url, source_url, times, instants_per_unit=24) as backfill:
            for group, window in work:
                report = backfill.run(group, [window], now=times.now, run_id=f"seed {seed}")
                if report.error is not None:
                    raise report.error
        print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
