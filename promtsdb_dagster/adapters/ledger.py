"""Read and write the ledger of backfilled windows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from promtsdb_dagster.adapters.database import Connection
from promtsdb_dagster.adapters.sql import query
from promtsdb_dagster.core.plan import Entry, Task
from promtsdb_dagster.core.samples import Converted
from promtsdb_dagster.core.windows import Window


def read_entries(
    connection: Connection, group: str, records: Sequence[str], span: Window
) -> list[Entry]:
    """Return the entries of a group, or of these records in any group, that meet the span."""
    # An entry of a coarser step may reach into the span from outside.
    reach = timedelta(days=1)
    rows = connection.execute(
        query("select_ledger"),
        {
            "group": group,
            "records": list(records),
            "start": span.start - reach,
            "end": span.end + reach,
        },
    ).fetchall()
    return [
        Entry(rule_group, rule, record, step, Window(start, end), verified)
        for rule_group, rule, record, step, start, end, verified in rows
    ]


def record_entry(
    connection: Connection, task: Task, part: Converted, counts: Counter[str], run_id: str
) -> None:
    """Write the entry of a task; it waits for its verification."""
    key = _entry_key(task)
    connection.execute(query("delete_unverified"), key)
    connection.execute(
        query("upsert_ledger"),
        {
            **key,
            "record": task.record,
            "step": task.step,
            "series": len({(s.name, s.schema, s.tag_id) for s in part.series}),
            "rows_source": part.rows,
            "rows_written": counts["written"],
            "rows_present": counts["present"],
            "dropped": part.dropped.total(),
            "run_id": run_id,
        },
    )


def mark_verified(connection: Connection, task: Task) -> None:
    """Mark the entry of a task as compared with the source."""
    connection.execute(query("verify_ledger"), _entry_key(task))


def _entry_key(task: Task) -> dict[str, Any]:
    return {
        "rule_group": task.rule.group,
        "rule": task.rule.key,
        "start": task.window.start,
        "end": task.window.end,
    }
