"""Stores that say what would be written, and write nothing: their database is opened read-only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from promtsdb_dagster.adapters.batches import TARGETS, Found, Target, count_rows, parts_of
from promtsdb_dagster.adapters.database import Connection, Database
from promtsdb_dagster.adapters.ledger import read_known
from promtsdb_dagster.adapters.replacing import Replacer, lost_instants
from promtsdb_dagster.adapters.sql import query, query_in
from promtsdb_dagster.adapters.stored import compare_stored
from promtsdb_dagster.core.dry_run import DoneEntry
from promtsdb_dagster.core.exchange import Exchange, Exchanged
from promtsdb_dagster.core.ports import Batch, Known, Part, Question, Tally
from promtsdb_dagster.core.windows import Window


class DryWriter:
    """Be the store of a backfill that only looks; needs a read-only database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def session(self) -> AbstractContextManager[None]:
        """Keep connections open between calls, to be closed at the end."""
        return self._database.keeping()

    def known(self, question: Question) -> Known:
        """Return what a plan is made from, as of now."""
        with self._database.connection() as connection:
            return read_known(connection, question)

    def done(self, group: str, records: Sequence[str], span: Window) -> list[DoneEntry]:
        """Return the verified entries of a group, or of records in any, and the rows they had."""
        with self._database.connection() as connection:
            rows = connection.execute(
                query("select_ledger_rows"),
                {"group": group, "records": list(records), "start": span.start, "end": span.end},
            ).fetchall()
        return [
            DoneEntry(rule_group, rule, record, step, Window(start, end), count)
            for rule_group, rule, record, step, start, end, count in rows
        ]

    def write(self, batch: Batch, still_wanted: Callable[[Known], bool]) -> Tally | None:
        """Return what writing the batch would do; None if the plan is stale."""
        with self._database.connection() as connection:
            known = read_known(connection, batch.question)
            if not still_wanted(known):
                return None
            tally = Tally()
            per_task = [Counter[str]() for _ in batch.parts]
            for target in TARGETS:
                parts = parts_of(batch, target)
                found = compare_stored(connection, target, parts).found
                if target == "cumsum":
                    found = _with_untrue(found, parts, batch.question, known)
                count_rows(batch, found, tally, per_task)
            return tally

    def verify(self, batch: Batch, tally: Tally) -> None:
        """Prove nothing: nothing was written."""


class DryReplacer:
    """Be the store of a replacement that only looks; needs a read-only database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._replacer = Replacer(database)

    def session(self) -> AbstractContextManager[None]:
        """Keep connections open between calls, to be closed at the end."""
        return self._database.keeping()

    def known_of(self, names: Sequence[str], window: Window) -> Known:
        """Return the entries of metrics in all groups, live starts, and unexplained rows."""
        return self._replacer.known_of(names, window)

    def exchange(
        self, exchange: Exchange, still_wanted: Callable[[Known], bool]
    ) -> Exchanged | None:
        """Return what the exchange would do; None if the plan is stale. Raises LossRefused."""
        if not still_wanted(self.known_of(exchange.names, exchange.window)):
            return None
        with self._database.connection() as connection:
            lost = lost_instants(connection, exchange)
            deleted = sum(
                _count(connection, target, name, exchange.window)
                for target in TARGETS
                for name in exchange.names
            )
            written = sum(part.rows for _, part in exchange.rows)
            return Exchanged(deleted, written, lost.total())


def _with_untrue(
    found: Sequence[Found], parts: Sequence[Part], question: Question, known: Known
) -> list[Found]:
    """Count among the missing the rows that a writer makes room for, as `totals` does."""
    verified = {
        (entry.group, entry.rule, entry.window) for entry in known.entries if entry.verified
    }
    settled = []
    for one in found:
        task = parts[one.task][0]
        is_open = (
            task.step > question.fine_step
            and (task.rule.group, task.rule.key, task.window) not in verified
        )
        settled.append(_all_missing(one) if is_open and one.differing else one)
    return settled


def _all_missing(one: Found) -> Found:
    gone = {*one.differing, *(one.missing.times if one.missing else ())}
    kept = [n for n, second in enumerate(one.series.times) if second in gone]
    missing = replace(
        one.series,
        times=[one.series.times[n] for n in kept],
        values=[one.series.values[n] for n in kept],
    )
    return replace(one, missing=missing, differing=())


def _count(connection: Connection, target: Target, name: str, window: Window) -> int:
    row = connection.execute(
        query_in(target, "count_metric"),
        {"name": name, "start": window.start, "end": window.end},
    ).fetchone()
    return int(row[0]) if row else 0
