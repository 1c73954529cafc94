"""Backfill or refresh everything, in an order of its own; made to be killed.

`python -m faults.worker SOURCE_URL START BOUNDARY MIDNIGHT NOW` reads one line for each job from
its input, `backfill DATABASE_URL SEED` or `refresh DATABASE_URL SEED`, and answers `done`. It has
imported everything before, so that it is killed in its work.
"""

from __future__ import annotations

import random
import sys
from datetime import datetime

from faults.source import Times
from faults.world import opened, refresh_all, work_of


def main(source_url: str, *moments: str) -> None:
    """Do one job after the other."""
    times = Times(*map(datetime.fromisoformat, moments))
    # Libraries may log to the standard output, which is for our answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        what, url, seed = line.split()
        if what == "refresh":
            refresh_all(url, times, random.Random(int(seed)))
        else:
            _backfill(url, source_url, times, int(seed))
        print("done", file=answers, flush=True)


def _backfill(url: str, source_url: str, times: Times, seed: int) -> None:
    work = work_of(times)
    random.Random(seed).shuffle(work)
    # Small units, so that there are many commits to be killed between.
    with opened(url, source_url, times, instants_per_unit=24) as backfill:
        for group, window in work:
            report = backfill.run(group, [window], now=times.now, run_id=f"seed {seed}")
            if report.error is not None:
                raise report.error


if __name__ == "__main__":
    main(*sys.argv[1:])
