"""Read what the database knows of every hour of every metric."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from psycopg.types.range import Range

from promtsdb_dagster.adapters.database import Database
from promtsdb_dagster.adapters.sql import query
from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.coverage import CUMULATIVE, Facts
from promtsdb_dagster.core.coverage_survey import Stored
from promtsdb_dagster.core.windows import Window

SCHEMAS = ("mainnet", "testnet", "common", CUMULATIVE, "geo")


class CoverageStore:
    """Read rows, ledger and gaps of one database, all as of one moment."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def stored(self, span: Window) -> Stored:
        """Return what is known of each metric in whole hours."""
        bounds = {"start": span.start, "end": span.end, "schemas": list(SCHEMAS)}
        with self._database.connection() as connection:
            connection.execute(query("read_one_moment"))
            stored = connection.execute(query("select_coverage_stored"), bounds).fetchall()
            steps = connection.execute(query("select_coverage_steps"), bounds).fetchall()
            gaps = dict(connection.execute(query("select_coverage_gaps"), bounds).fetchall())
            row = connection.execute(query("count_coverage_unsettled"), bounds).fetchone()
        by_step: defaultdict[tuple[str, str], dict[timedelta, list[Window]]] = defaultdict(dict)
        asked: defaultdict[str, list[Window]] = defaultdict(list)
        settled: defaultdict[tuple[str, str], list[Window]] = defaultdict(list)
        for schema, name, step, spans, done in steps:
            by_step[schema, name][step] = _windows(spans)
            settled[schema, name] += _windows(done)
            asked[name] += _windows(done)
        return Stored(
            [
                Facts(
                    schema,
                    name,
                    _windows(spans),
                    by_step[schema, name],
                    settled[schema, name],
                    _windows(gaps.get(name, ())),
                )
                for schema, name, spans in stored
            ],
            {name: w.merge(windows) for name, windows in asked.items()},
            int(row[0]) if row else 0,
        )


def _windows(ranges: Iterable[Range[datetime]]) -> list[Window]:
    return [Window(part.lower, part.upper) for part in ranges if part.lower and part.upper]
