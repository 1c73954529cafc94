"""Replace two metrics of a database that a wrong rule filled; made to be killed.

`python -m tests.integration.replace_worker DATABASE_URL NOW` prints `ready` when it begins, and
exits with 0 when everything is replaced.
"""

from __future__ import annotations

import sys

from promtsdb_dagster.core.windows import parse_instant
from tests.fix_postgres import ScratchDatabase
from tests.replaced_world import GAUGE, TOTAL, ReplacedWorld


def main(database_url: str, now: str) -> None:
    """Replace everything by the right rules."""
    with ScratchDatabase(database_url) as database:
        world = ReplacedWorld(database, wrong=False, now=parse_instant(now))
        print("ready", flush=True)
        report = world.replace(TOTAL, GAUGE)
        if report.error is not None:
            raise report.error


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
