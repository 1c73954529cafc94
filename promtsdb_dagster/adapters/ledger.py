"""Read and write the ledger of backfilled windows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from promtsdb_dagster.adapters.database import Connection
from promtsdb_dagster.adapters.sql import query
from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.plan import Entry, Task
from promtsdb_dagster.core.ports import Batch, Known, Question, Stray
from promtsdb_dagster.core.windows import Window

# An entry of a coarser step may reach into a span from outside.
_REACH = timedelta(days=1)
_MINUTE = timedelta(minutes=1)


def read_known(connection: Connection, question: Question) -> Known:
    """Return what a plan for a span of a group is made from.

    The last word only where the connection holds the lock of running totals.
    """
    near = {
        "start": question.span.start - _REACH,
        "end": question.span.end + _REACH,
        "records": list(question.cumulative),
    }
    rows = connection.execute(query("select_ledger"), {**near, "group": question.group}).fetchall()
    entries = [
        Entry(rule_group, rule, record, step, Window(start, end), verified)
        for rule_group, rule, record, step, start, end, verified in rows
    ]
    if not question.cumulative:
        return Known(entries)
    live_since: dict[str, datetime] = dict(
        connection.execute(query("select_live_start")).fetchall()
    )
    if question.step == question.fine_step:
        return Known(entries, live_since)
    strays = connection.execute(query("select_strays"), near).fetchall()
    return Known(entries, live_since, [Stray(*stray) for stray in strays])


def record_entries(connection: Connection, batch: Batch, per_task: Sequence[Counter[str]]) -> None:
    """Write the entries of a batch's tasks; they wait for their verification."""
    tasks = [task for task, _ in batch.parts]
    parts = [part for _, part in batch.parts]
    same = {
        **_entry_keys(tasks),
        "records": [task.record for task in tasks],
        "steps": [task.step for task in tasks],
    }
    connection.execute(query("delete_unverified"), same)
    connection.execute(
        query("upsert_ledger"),
        {
            **same,
            "series": [len({(s.name, s.schema, s.tag_id) for s in part.series}) for part in parts],
            "rows_source": [part.rows for part in parts],
            "rows_written": [counts["written"] for counts in per_task],
            "rows_present": [counts["present"] for counts in per_task],
            "dropped": [part.dropped.total() for part in parts],
            "run_id": batch.run_id,
        },
    )


def note_changes(connection: Connection, source: str, changed: Iterable[Window]) -> None:
    """Note the windows in which rows of a hypertable came, so that only they are refreshed."""
    for window in w.merge(changed):
        connection.execute(
            query("note_change"),
            {"source": source, "start": window.start, "end": w.ceil(window.end, _MINUTE)},
        )


def mark_verified(connection: Connection, tasks: Sequence[Task]) -> None:
    """Mark the entries of tasks as compared with the source."""
    connection.execute(query("verify_ledger"), _entry_keys(tasks))


def confirm_entry(connection: Connection, task: Task) -> bool:
    """Mark the entry of a reserved task, and return whether it got rows.

    What was not there when it was recorded counts as written now.
    """
    row = connection.execute(query("confirm_ledger"), _entry_key(task)).fetchone()
    return bool(row and row[0])


def _entry_keys(tasks: Sequence[Task]) -> dict[str, list[Any]]:
    return {
        "rule_groups": [task.rule.group for task in tasks],
        "rules": [task.rule.key for task in tasks],
        "starts": [task.window.start for task in tasks],
        "ends": [task.window.end for task in tasks],
    }


def _entry_key(task: Task) -> dict[str, Any]:
    return {
        "rule_group": task.rule.group,
        "rule": task.rule.key,
        "start": task.window.start,
        "end": task.window.end,
    }
