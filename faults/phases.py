"""Say where in its work a backfill or a refresh is, from what its sessions do."""

from __future__ import annotations

import re

import psycopg

from faults.statements import statement

IDLE = "between statements"
# The further in a unit of work, the further down.
_PHASES = (
    ("COPY", "copying rows"),
    (
        r"(INSERT INTO|DELETE FROM) internal\.(backfill_ledger|aggregate_change)",
        "writing the ledger",
    ),
    (r"COMMIT", "committing"),
    (r"refresh", "refreshing"),
)


def phase(connection: psycopg.Connection) -> str:
    """Return the furthest phase of any session of the connection's database."""
    rows = connection.execute(statement("select_sessions")).fetchall()
    busy = [(state, text) for state, text, _ in rows if state in ("active", "idle in transaction")]
    found = IDLE if rows else "before the first statement"
    if any(open_entries for _, _, open_entries in rows):
        found = "between commit and verification"
    if busy:
        found = "comparing" if found == IDLE else "verifying"
    for pattern, name in _PHASES:
        if any(re.search(pattern, text.lstrip()[:200], re.I) for _, text in busy):
            found = name
    return found
