"""Move everything from one migrated database to another, whatever their engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial

from promtsdb_dagster.adapters.aggregates import AGGREGATES, BUCKET, Aggregates
from promtsdb_dagster.adapters.copying_over import Copier, Relation
from promtsdb_dagster.adapters.database import Connection, Database, engine_of
from promtsdb_dagster.adapters.sql import query
from promtsdb_dagster.core.windows import Window, between, floor, split
from promtsdb_dagster.errors import InputError

# Before the rows: tags that a row refers to should be there.
FIRST = ("internal.prometheus_remote_write_tag", "internal.excluded_addresses")
RAW = ("internal.prometheus_remote_write", "cumsum.prometheus_remote_write")
# After them: a database whose ledger is full is not taken for one that was never filled.
LAST = (
    "internal.orphan_tag",
    "internal.unused_tag",
    "internal.refused_row",
    "internal.live_start",
    "internal.live_checked",
    "internal.live_gap",
    "internal.staging_limit",
    "internal.staged_name",
    "internal.aggregate_change",
    "internal.backfill_ledger",
)
_NUMBERED = ("internal.excluded_addresses", "internal.aggregate_change")
# One transaction each: some two million rows of the ten metrics of a large network.
_PIECE = timedelta(days=7)
_RETENTION = timedelta(days=365)
_BUCKETS = timedelta(days=28)

# What is being done, how many of its pieces are done, how many there are, rows sent.
OnProgress = Callable[[str, int, int, int], None]


@dataclass(frozen=True)
class Moved:
    """Say how many rows of a table were sent; what was there already was not."""

    table: str
    rows: int


class Mover:
    """Move from one migrated database to another of the same version."""

    def __init__(self, source: Database, target: Database) -> None:
        self._source = source
        self._target = target
        self._copier = Copier(source, target)

    def move(self, on_progress: OnProgress = lambda *_: None) -> Iterator[Moved]:
        """Copy every table, make the aggregates, and compare; yield each table when it is done.

        Safe to interrupt and to repeat: what is there already is compared, not sent again. Raises
        InputError where the two do not fit, StoreError where the target has rows of its own.
        """
        self._require_alike()
        self._require_no_later_rows()
        # What the bookkeeping says of rows must be true of those that are copied after this moment.
        # Said later, of rows that came behind the copy, it would be believed for ever.
        with self._copier.moment() as books:
            for name in FIRST:
                yield self._whole(name, keep=True)
            for name in RAW:
                yield self._by_windows(self._copier.relation(name, "time"), _PIECE, on_progress)
            # Of series that came meanwhile.
            if (tags := self._whole(FIRST[0], keep=True)).rows:
                yield tags
            for schema, name, _ in AGGREGATES:
                yield self._aggregate(f"{schema}.{name}", on_progress)
            self._require_no_later_rows()
            for name in LAST:
                yield self._whole(name, keep=False, moment=books)

    def _require_alike(self) -> None:
        versions = []
        identities = []
        for database in (self._source, self._target):
            with database.connection() as connection:
                versions.append(_one(connection, "select_migration_ledger"))
                identities.append(_one(connection, "select_identity"))
        if identities[0] == identities[1]:
            raise InputError(
                "the database to move from is that of DATABASE_URL, wanted another one; let "
                "DATABASE_URL name the new database"
            )
        if versions[0] != versions[1]:
            raise InputError(
                f"the database to move from is at version {versions[0]} and that of DATABASE_URL "
                f"at {versions[1]}, wanted the same; run `make migrate` for both"
            )

    def _require_no_later_rows(self) -> None:
        for name in RAW:
            self._copier.require_older(self._copier.relation(name, "time"))

    def _whole(self, name: str, *, keep: bool, moment: Connection | None = None) -> Moved:
        relation = self._copier.relation(name)
        rows = self._copier.copy(relation, others="keep" if keep else "drop", moment=moment)
        if name in _NUMBERED:
            with self._source.connection() as connection:
                row = connection.execute(query("select_last_number"), [name]).fetchone()
            with self._target.connection() as connection:
                last = row[0] if row else None
                connection.execute(query("move_sequences"), {"table": name, "last": last})
        return Moved(name, rows)

    def _by_windows(
        self,
        relation: Relation,
        size: timedelta,
        on_progress: OnProgress,
        before: datetime | None = None,
    ) -> Moved:
        bounds = self._copier.bounds(relation)
        start = end = None
        if bounds:
            start, end = bounds[0].astimezone(timezone.utc), bounds[1].astimezone(timezone.utc)
            end += timedelta(microseconds=1)
            if relation.source == RAW[0]:
                # Retention drops older ones from the target while they are sent.
                start = max(start, datetime.now(timezone.utc) - _RETENTION)
        window = between(start, min(end, before or end)) if start and end else None
        pieces = split(window, size) if window else []
        rows = 0
        for done, piece in enumerate(pieces, start=1):
            rows += self._copier.copy(relation, piece, "drop" if before else "keep")
            on_progress(relation.source, done, len(pieces), rows)
        return Moved(relation.source, rows)

    def _aggregate(self, name: str, on_progress: OnProgress) -> Moved:
        """Make the buckets from the raw rows, and carry those whose raw rows are gone.

        They go into the table below a continuous aggregate. It is written to nowhere else; no
        refresh ever reaches below the oldest raw row, so they stay.
        """
        relation = self._copier.relation(name, "bucket", partial(store_of, name))
        raw = self._oldest(self._copier.relation(_source_of(name), "time"))
        starts = [start for start in (raw, self._oldest(relation)) if start]
        if not starts:
            return Moved(name, 0)
        newest = floor(datetime.now(timezone.utc), BUCKET) - BUCKET
        window = Window(min(starts), max(newest, min(starts) + BUCKET))
        aggregates = Aggregates(self._target)
        below = aggregates.refresh(name, window).below_floor
        # A chunk may begin before the oldest row.
        limit = max(below.end if below else window.start, raw or window.end)
        carried = between(window.start, limit)
        if carried is None:
            return Moved(name, 0)
        moved = self._by_windows(relation, _BUCKETS, on_progress, before=limit)
        # Hours and days of what was carried.
        aggregates.refresh(name, Window(window.start, limit), rebuild=True)
        return Moved(name, moved.rows)

    def _oldest(self, relation: Relation) -> datetime | None:
        bounds = self._copier.bounds(relation)
        return floor(bounds[0].astimezone(timezone.utc), BUCKET) if bounds else None


def store_of(name: str, connection: Connection) -> str:
    """Return the table in which the buckets of an aggregate lie."""
    row = connection.execute(query(f"move_stores_{engine_of(connection)}"), [name]).fetchone()
    return str(row[0]) if row else name


def _source_of(aggregate: str) -> str:
    return next(
        f"{source}.prometheus_remote_write"
        for schema, name, source in AGGREGATES
        if aggregate == f"{schema}.{name}"
    )


def _one(connection: Connection, name: str) -> tuple[object, ...]:
    return tuple(connection.execute(query(name)).fetchone() or ())
