"""Take tags that no row refers to out of the tag table, and bring them back when one does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import stamina
from psycopg import errors as pg

from promtsdb_dagster.adapters.database import Connection, Database
from promtsdb_dagster.adapters.sql import query, query_in
from promtsdb_dagster.core.windows import Window, between, split

_SOURCES = ("cumsum", "internal")
# The newest hour holds all live series, so that older rows are searched for few tags only.
_NEWEST = timedelta(hours=1)
_SLICE = timedelta(days=7)
# Each wait makes every writer behind it wait as well.
_LOCK_TIMEOUT = "250ms"
_LOCK_ATTEMPTS = 4
_LONG_LIST = 50_000

# Where, how many tags are left, how many windows were looked at, of how many.
OnProgress = Callable[[str, int, int, int], None]


@dataclass(frozen=True)
class TagReport:
    """Count what became of the tags; `postponed` waits since the tag table was in use."""

    tags: int
    unused: int
    noticed: int
    retired: int
    restored: int
    forgotten: int
    postponed: int


class UnusedTags:
    """Tidy the tag table of a migrated database; safe to repeat, and beside all writers.

    A tag must be found unused for `patience` before it is retired, since some writers store tags
    first and rows later; it is kept for `quarantine` after that, since others send a tag once and
    rows for weeks.
    """

    def __init__(
        self,
        database: Database,
        *,
        patience: timedelta = timedelta(days=7),
        quarantine: timedelta = timedelta(days=30),
        most: int = 10_000,
    ) -> None:
        self._database = database
        self._patience = patience
        self._quarantine = quarantine
        self._most = most

    def restore(self, *, at_most_seconds: float | None = None) -> int | None:
        """Bring back the retired tags that new rows refer to; return how many.

        With a limit, ends within it, and returns None where somebody else was in the way.
        """
        with self._database.connection(autocommit=True) as connection:
            if at_most_seconds is None:
                return _number(connection, "restore_tags")
            connection.execute(
                query("limit_waiting"),
                {
                    "lock": f"{at_most_seconds * 250:.0f}ms",
                    "statement": f"{at_most_seconds * 1000:.0f}ms",
                },
            )
            try:
                return _number(connection, "restore_tags")
            except (pg.LockNotAvailable, pg.QueryCanceled):
                return None

    def tidy(self, on_progress: OnProgress = lambda *_: None) -> TagReport:
        """Look at all rows for tags that are unused, and go one step on with each."""
        with self._database.connection(autocommit=True) as connection:
            restored = _number(connection, "restore_tags")
            tags = {row[0] for row in connection.execute(query("select_tag_ids"))}
            noted = {
                row[0]: (row[1], row[2]) for row in connection.execute(query("select_unused_tags"))
            }
            retired = {tag for tag, (_, since) in noted.items() if since}
            unused = _unused(connection, tags | retired, on_progress)
            restored += _bring_back(connection, retired - tags - unused)
            connection.execute(query("forget_used_tags"), [list(tags - unused)])
            noticed = connection.execute(query("notice_unused_tags"), [list(tags & unused)])

            now = datetime.now(timezone.utc)
            ripe = [
                tag
                for tag in sorted(tags & unused & noted.keys())
                if noted[tag][0] <= now - self._patience
            ][: self._most]
            gone, postponed = _retire(connection, ripe)
            if gone:
                # Rows may have come after they were looked at and before the tags went.
                still = _unused(connection, set(ripe), on_progress)
                restored += _bring_back(connection, set(ripe) - still)
            old = [
                tag
                for tag in sorted(retired & unused)
                if (since := noted[tag][1]) and since <= now - self._quarantine
            ][: self._most]
            forgotten = connection.execute(query("forget_unused_tags"), [old])
            return TagReport(
                tags=len(tags),
                unused=len(tags & unused),
                noticed=noticed.rowcount,
                retired=gone,
                restored=restored,
                forgotten=forgotten.rowcount,
                postponed=postponed,
            )


def _unused(connection: Connection, suspects: set[int], on_progress: OnProgress) -> set[int]:
    """Return the suspects that no row refers to, newest rows first; one short statement each."""
    left = set(suspects)
    windows = [(source, part) for source in _SOURCES for part in _windows(connection, source)]
    for done, (source, window) in enumerate(windows, start=1):
        if not left:
            return left
        listed = list(left) if len(left) <= _LONG_LIST else None
        used = connection.execute(
            query_in(source, "select_used_tags"),
            {"start": window.start, "end": window.end, "tag_ids": listed},
            # A prepared plan does not know the list, and would compare each row with each tag.
            prepare=False,
        )
        left.difference_update(row[0] for row in used)
        where = f"{source} back to {window.start:%Y-%m-%d}"
        on_progress(where, len(left), done, len(windows))
    return left


def _windows(connection: Connection, source: str) -> Iterator[Window]:
    row = connection.execute(query_in(source, "select_time_bounds")).fetchone()
    if row is None or row[0] is None:
        return
    oldest, end = row[0], row[1] + timedelta(microseconds=1)
    newest = max(oldest, end - _NEWEST)
    yield Window(newest, end)
    older = between(oldest, newest)
    yield from reversed(split(older, _SLICE) if older else [])


def _bring_back(connection: Connection, tags: set[int]) -> int:
    if not tags:
        return 0
    for source in _SOURCES:
        connection.execute(
            query_in(source, "note_orphans"), {"source": source, "tag_ids": sorted(tags)}
        )
    return _number(connection, "restore_tags")


def _retire(connection: Connection, tags: list[int]) -> tuple[int, int]:
    """Return how many were retired, and how many could not be, as the table was in use."""
    if not tags:
        return 0, 0
    connection.execute(query("limit_waiting"), {"lock": _LOCK_TIMEOUT, "statement": "0"})
    try:
        for attempt in stamina.retry_context(
            on=pg.LockNotAvailable, attempts=_LOCK_ATTEMPTS, timeout=None, wait_max=1.0
        ):
            with attempt:
                return _number(connection, "retire_tags", tags), 0
    except pg.LockNotAvailable:
        pass
    finally:
        connection.execute(query("limit_waiting"), {"lock": "0", "statement": "0"})
    return 0, len(tags)


def _number(connection: Connection, name: str, *parameters: object) -> int:
    row = connection.execute(query(name), parameters or None).fetchone()
    return int(row[0]) if row else 0
