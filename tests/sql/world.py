"""Raw rows in, refreshed aggregates in between, answers of the API out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, TypeVar

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from promtsdb_dagster.core.samples import tag_id, tags_of

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TOTAL = "manifest_tokenomics_total_supply"
EXCLUDED = "manifest_tokenomics_excluded_supply"
PRICE = "talib_mfx_power_conversion"

_Item = TypeVar("_Item")


def days_ago(days: int) -> datetime:
    """Return a midnight in UTC; raw rows and refreshes reach back one year at most."""
    today = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - days * DAY


def minutes_ago(minutes: int) -> datetime:
    """Return a full minute before now."""
    return datetime.now(timezone.utc).replace(second=0, microsecond=0) - minutes * MINUTE


def in_utc(value: Any) -> Any:
    """Return an instant in UTC: Python calls equal instants of other zones unequal in a fold."""
    return value.astimezone(timezone.utc) if isinstance(value, datetime) else value


def batches(items: list[_Item]) -> Iterator[list[_Item]]:
    """Return the items in order, few at a time: WebAssembly takes no long messages."""
    for first in range(0, len(items), 50):
        yield items[first : first + 50]


@dataclass
class World:
    """One migrated database; refreshes need a connection that commits by itself."""

    connection: psycopg.Connection[Any]
    engine: str
    rows: list[tuple[datetime, int, str, str, Decimal]] = field(default_factory=list)
    tags: dict[int, dict[str, str]] = field(default_factory=dict)

    def put(
        self, name: str, schema: str, at: datetime, value: str | float = 1, **labels: str
    ) -> None:
        """Remember one sample until `settle`; a tier is a label as it is in real series."""
        if schema in ("mainnet", "testnet"):
            labels["manifest_tier"] = schema
        tags = tags_of(name, labels)
        self.tags[tag_id(tags)] = tags
        self.rows.append((at, tag_id(tags), name, schema, Decimal(str(value))))

    def put_supply(
        self, schema: str, at: datetime, total: int, excluded: int, tokens: int, fees: int
    ) -> None:
        """Remember the four parts of a circulating supply, exact ones as labels."""
        self.put(TOTAL, schema, at, supply=str(total))
        self.put(EXCLUDED, schema, at, excluded_supply=str(excluded))
        self.put("locked_tokens", schema, at, amount=str(tokens))
        self.put("locked_fees", schema, at, amount=str(fees))

    def settle(self) -> None:
        """Store what was put and refresh every aggregate over it."""
        times = [row[0] for row in self.rows]
        self.store()
        if times:
            self.refresh(min(times), max(times) + MINUTE)

    def store(self) -> None:
        """Store what was put and refresh nothing."""
        with self.connection.transaction():
            for some in batches(list(self.tags.items())):
                self.connection.execute(
                    "SELECT internal.upsert_tags(%s, %s)",
                    ([tag for tag, _ in some], [Jsonb(tags) for _, tags in some]),
                )
            for cumulative, table in ((False, "internal"), (True, "cumsum")):
                insert = sql.SQL(
                    "INSERT INTO {}.prometheus_remote_write (time, tag_id, name, schema, value)"
                    " SELECT * FROM unnest(%s::timestamptz[], %s::bigint[], %s::text[], %s::text[],"
                    " %s::numeric[])"
                ).format(sql.Identifier(table))
                for some in batches([r for r in self.rows if (r[3] == "cumsum") is cumulative]):
                    self.connection.execute(
                        insert, [list(column) for column in zip(*some, strict=True)]
                    )
        self.rows.clear()
        self.tags.clear()

    def refresh(self, start: datetime, end: datetime) -> None:
        """Refresh every aggregate over a range, down to the floor of each at most."""
        statement = (
            "CALL public.refresh_continuous_aggregate(%(name)s, %(start)s, %(end)s)"
            if self.engine == "timescaledb"
            else "SELECT internal.refresh_aggregate(%(name)s, %(start)s, %(end)s)"
        )
        floors = self.connection.execute(
            "SELECT aggregate, internal.refresh_floor(aggregate)"
            " FROM internal.aggregate_source"
            " WHERE internal.refresh_floor(aggregate) < %s",
            (end,),
        ).fetchall()
        for name, floor in floors:
            self.connection.execute(
                statement, {"name": name, "start": max(floor, start), "end": end}
            )

    def ask(self, function: str, *arguments: object) -> list[tuple[Any, ...]]:
        """Return all rows of an API function, in its own order."""
        places = sql.SQL(", ").join([sql.Placeholder()] * len(arguments))
        call = sql.SQL("SELECT * FROM {}({})").format(sql.Identifier("api", function), places)
        with self.connection.transaction():
            rows = self.connection.execute(call, arguments).fetchall()
        return [tuple(map(in_utc, row)) for row in rows]
