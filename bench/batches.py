"""Batches as Telegraf sends them: binary COPY into a staging table, each a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
from psycopg import sql

from bench.measuring import timed
from bench.statements import statement

ROWS = 10_000


@dataclass(frozen=True)
class Shape:
    """Which rows: `series` of them at each instant, one `step` after the other from `start` on."""

    start: datetime
    step: timedelta
    instants: int
    series: int

    @property
    def rows(self) -> int:
        """Return how many rows that are."""
        return self.instants * self.series


def make(url: str, shape: Shape, seed: int) -> list[bytes]:
    """Return the batches of a shape, as the bytes that the server takes."""
    arguments = {
        "series": shape.series,
        "instants": shape.instants,
        "rows": ROWS,
        "start": shape.start,
        "step": shape.step,
    }
    with psycopg.connect(url) as connection:
        connection.execute("SELECT setseed(%s)", [1 / (seed + 1)])
        connection.execute(statement("make_staged"), arguments)
        return [_read(connection, batch) for batch in range(-(-shape.rows // ROWS))]


def stage(
    url: str, batches: Sequence[bytes], series: int, staging: str = "staging_internal"
) -> float:
    """Return the seconds from the first batch to the last one's commit, tags before them."""
    send = sql.SQL(statement("send_staged")).format(staging=sql.Identifier(staging))
    with psycopg.connect(url, autocommit=True) as connection:

        def work() -> None:
            connection.execute(statement("stage_tags"), {"series": series})
            for batch in batches:
                with connection.cursor().copy(send) as copy:
                    copy.write(batch)

        return timed(work)


def stage_text(url: str, lines: Sequence[str]) -> float:
    """Return the seconds for rows that are lines of text, a batch a transaction."""
    batches = ["".join(lines[at : at + ROWS]) for at in range(0, len(lines), ROWS)]
    with psycopg.connect(url, autocommit=True) as connection:

        def work() -> None:
            for batch in batches:
                with connection.cursor().copy(statement("copy_staged")) as copy:
                    copy.write(batch)

        return timed(work)


def _read(connection: psycopg.Connection, batch: int) -> bytes:
    with connection.cursor().copy(statement("read_staged"), [batch]) as copy:
        return b"".join(bytes(block) for block in copy)
