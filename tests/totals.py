"""Add up what the source says of the cumulative metrics."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from promtsdb_dagster.adapters.prometheus import Prometheus
from promtsdb_dagster.core.decimals import plain_decimal
from promtsdb_dagster.core.windows import Window
from tests.fix_postgres import ScratchDatabase
from tests.fix_prometheus import GROUPS, ROUTING

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def source_totals(
    source: Prometheus, start: datetime, hours_until: datetime, last: datetime
) -> dict[str, Decimal]:
    """Return the totals by the hour from `start` to `hours_until`, and by the minute to `last`."""
    sums: dict[str, Decimal] = {}
    for group, step, window in (
        ("backfill_forever", HOUR, Window(start, hours_until + MINUTE)),
        ("live", MINUTE, Window(hours_until + MINUTE, last + MINUTE)),
    ):
        for rule in GROUPS[group].rules:
            if rule.record.lower() not in ROUTING.cumulative:
                continue
            for series in source.query_range(rule.expr, window, step):
                for _, value in series["values"]:
                    sums.setdefault(rule.record, Decimal(0))
                    sums[rule.record] += Decimal(plain_decimal(value) or 0)
    return sums


def stored_totals(database: ScratchDatabase, last: datetime) -> dict[str, Decimal]:
    """Return the totals of what is stored, up to and with an instant."""
    with database.connection() as connection:
        return dict(
            connection.execute(
                "SELECT name, sum(value) FROM cumsum.prometheus_remote_write"
                " WHERE time <= %s GROUP BY name",
                (last,),
            ).fetchall()
        )
