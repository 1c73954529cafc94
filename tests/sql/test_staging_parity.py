"""Both ways through staging leave exactly what one row after the other would leave."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import psycopg
import pytest
from psycopg import sql

from promtsdb_dagster.adapters.migrations import Migrator, load_migrations
from tests.fix_pglite import OneConnection
from tests.fix_postgres import SQL_DIR

Source = Literal["internal", "cumsum"]
Row = tuple[Any, ...]
Step = Callable[[psycopg.Connection[Any]], object]
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
WEEK = 7 * 24 * 60
SEEDS = 60
NAMES = ("a", "b", "c")
BEFORE = Path(__file__).with_name("staging_row_by_row.sql").read_text(encoding="utf-8")
KEPT = {
    "internal.prometheus_remote_write": "time, tag_id, name, schema, value",
    "cumsum.prometheus_remote_write": "time, tag_id, name, schema, value",
    "staging_internal.prometheus_remote_write": "time, tag_id, name, schema, value",
    "staging_cumsum.prometheus_remote_write": "time, tag_id, name, schema, value",
    "internal.orphan_tag": "tag_id, source, time_from, time_to",
    "internal.live_start": "name, schema, starts_at",
    "internal.refused_row": "source, reason, rows",
    "internal.staged_name": "name, schema",
    "internal.aggregate_change": "aggregate, window_start, window_end, reason",
}


def put(source: Source, rows: Sequence[Row], savepoint: bool) -> Step:
    insert = sql.SQL(
        "INSERT INTO {} (time, tag_id, name, schema, value) SELECT * FROM"
        " unnest(%s::timestamptz[], %s::bigint[], %s::text[], %s::text[], %s::numeric[])"
    ).format(sql.Identifier(f"staging_{source}", "prometheus_remote_write"))
    columns = [[None if v is None else str(v) for v in c] for c in zip(*rows, strict=True)]

    def send(connection: psycopg.Connection[Any]) -> None:
        # Rows of a savepoint bear another number than those of their transaction.
        with connection.transaction() if savepoint else nullcontext():
            connection.execute(insert, columns)

    return send


def enter(record: str, start: datetime, end: datetime, step: timedelta, verified: bool) -> Step:
    return lambda connection: connection.execute(
        "INSERT INTO internal.backfill_ledger (rule_group, rule, record, step, window_start,"
        " window_end, series, rows_source, rows_written, rows_present, samples_dropped,"
        " verified_at) VALUES (%s, %s, %s, %s, %s, %s, 1, 1, 1, 0, 0, %s)"
        " ON CONFLICT DO NOTHING",
        (str(step), record, record, step, start, end, end if verified else None),
    )


def tags(ids: Sequence[int]) -> Step:
    return lambda connection: connection.execute(
        "INSERT INTO staging_internal.prometheus_remote_write_tag"
        ' SELECT i, \'{"host": "h"}\' FROM unnest(%s::bigint[]) AS i',
        [list(ids)],
    )


def instants(chance: random.Random, now: datetime, mood: str) -> datetime:
    """Return an instant that is half a minute off all limits: both ways read the clock."""
    ages = {
        **{"young": (-3, 9), "recent": (11, 49), "late": (52, 6_000), "any": (-3, 6_000)},
        **{"old": (WEEK + 2, WEEK + 3_000), "around": (WEEK - 1_000, WEEK + 1_000)},
    }
    return now - chance.randrange(*ages[mood]) * MINUTE


def batch(chance: random.Random, now: datetime, number: int) -> Step:
    source: Source = chance.choice(("internal", "cumsum"))
    mood = chance.choice(("young", "recent", "late", "any", "old", "around"))
    moods = [mood] * chance.randrange(1, 40)
    known = chance.random() < 0.7
    rows: list[Row] = []
    for mood in moods:
        time, tag_id = instants(chance, now, mood), chance.randrange(3 if known else 6)
        # The same value whenever a batch has a key twice: which of two is stored is not said.
        rows.append((time, tag_id, chance.choice(NAMES), "s", Decimal(number)))
    if chance.random() < 0.25:
        spoilt = list(rows[0])
        at, bad = chance.choice(
            [*((i, None) for i in range(5)), (4, "NaN"), (4, "Infinity"), (4, "-Infinity"),
             (0, now + 2 * DAY), (0, now + 11 * MINUTE), (0, "1969-01-01 00:00:00+00"),
             (0, "infinity"), (2, "n" * 2001)]
        )  # fmt: skip
        spoilt[at] = bad
        rows.insert(chance.randrange(len(rows) + 1), tuple(spoilt))
    return put(source, rows, savepoint=chance.random() < 0.1)


def entry(chance: random.Random, now: datetime) -> Step:
    step = chance.choice((MINUTE, 15 * MINUTE, HOUR, DAY))
    end = instants(chance, now, chance.choice(("late", "any", "old", "around")))
    record = chance.choice(NAMES)
    return enter(
        chance.choice((record, record.upper(), record + "#2")),
        end - chance.choice((7 * MINUTE, HOUR, DAY)),
        end,
        step,
        verified=chance.random() < 0.6,
    )


def story(chance: random.Random, now: datetime) -> list[Step]:
    steps: list[Step] = [tags([0, 1, 2])] if chance.random() < 0.8 else []
    for number in range(chance.randrange(3, 9)):
        steps += [entry(chance, now) for _ in range(chance.choice((0, 0, 2, 5)))]
        steps.append(batch(chance, now, number))
        if chance.random() < 0.2:
            # Sent again, as a whole.
            steps.append(steps[-1])
        if chance.random() < 0.1:
            steps.append(tags([3, 4]))
    return steps


def told(connection: psycopg.Connection[Any], steps: Sequence[Step]) -> dict[str, list[Row]]:
    """Return what the tables hold after a story, and undo it."""
    # No savepoint: the quick way takes rows of the transaction itself only.
    with connection.transaction(force_rollback=True):
        for step in steps:
            step(connection)
        return {
            table: connection.execute(
                sql.SQL("SELECT {0} FROM {1} ORDER BY {0}").format(
                    sql.SQL(", ").join(map(sql.Identifier, columns.split(", "))),
                    sql.Identifier(*table.split(".")),
                )
            ).fetchall()
            for table, columns in KEPT.items()
        }


def compare(connection: psycopg.Connection[Any], seed: int) -> None:
    now = datetime.now(timezone.utc).replace(second=0, microsecond=0) + MINUTE / 2
    steps = story(random.Random(seed), now)
    found = told(connection, steps)
    assert sum(len(rows) for rows in found.values()) > 0

    wanted = told(connection, [lambda c: c.execute(BEFORE.encode()), *steps])
    assert found == wanted


@pytest.mark.parametrize("seed", range(SEEDS))
def test_any_story_ends_as_it_did(shared_database: tuple[str, str], seed: int) -> None:
    with psycopg.connect(shared_database[1], autocommit=True) as connection:
        compare(connection, seed)


def test_any_story_ends_as_it_did_in_webassembly(pglite: OneConnection) -> None:
    Migrator(pglite, load_migrations(SQL_DIR)).up()
    for seed in range(SEEDS):
        with pglite.connection(autocommit=True) as connection:
            compare(connection, seed)
