"""Read and write the ledger of backfilled windows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

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
    entries = _document(
        {
            **_line(task),
            "series": len({(s.name, s.schema, s.tag_id) for s in part.series}),
            "rows_source": part.rows,
            "rows_written": counts["written"],
            "rows_present": counts["present"],
            "samples_dropped": part.dropped.total(),
        }
        for (task, part), counts in zip(batch.parts, per_task, strict=True)
    )
    connection.execute(query("delete_unverified"), {"entries": entries})
    connection.execute(query("upsert_ledger"), {"entries": entries, "run_id": batch.run_id})


def note_changes(connection: Connection, source: str, changed: Iterable[Window]) -> None:
    """Note the windows in which rows of a hypertable came, so that only they are refreshed."""
    for window in w.merge(changed):
        connection.execute(
            query("note_change"),
            {"source": source, "start": window.start, "end": w.ceil(window.end, _MINUTE)},
        )


def mark_verified(connection: Connection, tasks: Sequence[Task]) -> None:
    """Mark the entries of tasks as compared with the source."""
    entries = _document(_line(task) for task in tasks)
    connection.execute(query("verify_ledger"), {"entries": entries})


def confirm_entry(connection: Connection, task: Task) -> bool:
    """Mark the entry of a reserved task, and return whether it got rows.

    What was not there when it was recorded counts as written now.
    """
    row = connection.execute(query("confirm_ledger"), _line(task)).fetchone()
    return bool(row and row[0])


def _document(lines: Iterable[Mapping[str, Any]]) -> str:
    """Return entries as one parameter: a statement for each would cost more than their rows."""
    return orjson.dumps(list(lines)).decode()


def _line(task: Task) -> dict[str, Any]:
    return {
        "rule_group": task.rule.group,
        "rule": task.rule.key,
        "record": task.record,
        "step": f"{task.step.total_seconds():.0f} seconds",
        "window_start": task.window.start,
        "window_end": task.window.end,
    }
