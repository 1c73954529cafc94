"""Keep a running total from counting a minute twice, or a minute for an hour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from promtsdb_dagster.adapters.database import Connection
from promtsdb_dagster.adapters.sql import query
from promtsdb_dagster.core.ports import Known, Part, Question
from promtsdb_dagster.errors import StoreError


def settle_totals(
    connection: Connection,
    bounds: Mapping[str, datetime],
    question: Question,
    known: Known,
    parts: Sequence[Part],
) -> None:
    """Make room for the incoming rows of cumulative metrics, within a transaction.

    Raises StoreError where another series of a metric has the same minutes.
    """
    verified = {
        (entry.group, entry.rule, entry.window) for entry in known.entries if entry.verified
    }
    open_tasks = [
        index
        for index, (task, _) in enumerate(parts)
        if task.step > question.fine_step
        and (task.rule.group, task.rule.key, task.window) not in verified
    ]
    if open_tasks:
        connection.execute(query("delete_untrue_totals"), {**bounds, "tasks": open_tasks})
    several = [record.partition("#")[0].lower() for record in question.cumulative if "#" in record]
    doubled = connection.execute(query("find_doubled"), {**bounds, "several": several}).fetchall()
    if doubled:
        name, first, last, count = doubled[0]
        raise StoreError(
            f"{count} increments of {name!r} from {first:%Y-%m-%dT%H:%MZ} to {last:%H:%MZ} are "
            "stored under other labels, wanted each minute once; nothing was written. Give the "
            "live rule and the backfill the same labels, and Telegraf's rows the host `telegraf`, "
            "then delete the rows of the wrong series"
        )
