"""Keep a running total from counting a minute twice, or a minute for an hour."""

from __future__ import annotations

from collections.abc import Sequence

from promtsdb_dagster.adapters.batches import Target
from promtsdb_dagster.adapters.copying import copy_rows, span_of
from promtsdb_dagster.adapters.database import Connection
from promtsdb_dagster.adapters.sql import query
from promtsdb_dagster.adapters.stored import Compared, compare_stored
from promtsdb_dagster.core.ports import Known, Part, Question
from promtsdb_dagster.errors import StoreError


def compare_settled(
    connection: Connection, target: Target, parts: Sequence[Part], question: Question, known: Known
) -> Compared:
    """Compare every row with what is stored, after making room for those of totals.

    Within a transaction. Raises StoreError where another series of a total has the same minutes.
    """
    compared = compare_stored(connection, target, parts)
    if target == "internal" or compared.empty or compared.same:
        return compared
    _settle(connection, parts, question, known)
    return compare_stored(connection, target, parts)


def _settle(
    connection: Connection, parts: Sequence[Part], question: Question, known: Known
) -> None:
    span = span_of(parts)
    if span is None:
        return
    connection.execute(query("create_incoming"))
    copy_rows(connection, query("copy_incoming"), parts, with_task=True)
    bounds = {"start": span.start, "end": span.end}
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
