"""From plain PostgreSQL to TimescaleDB, and back, with everything."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg import sql

from promtsdb_dagster.adapters.aggregates import AGGREGATES, Aggregates
from promtsdb_dagster.adapters.database import Database
from promtsdb_dagster.adapters.moving import FIRST, LAST, RAW, Mover, store_of
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.errors import InputError, StoreError
from tests.fix_postgres import Cluster, ScratchDatabase
from tests.oracle import wrong_buckets
from tests.replaced_world import DAY, GAUGE, HOUR, MINUTE, OTHER, TOTAL, ReplacedWorld, filled
from tests.rows import put, tag

# Made anew by the target itself, or of no meaning there.
LEFT = {
    "cumsum.all_metrics_minute",
    "internal.refresh_mark",
    "internal.rollup_change",
    "internal.cagg_calculated_metric_stored",
    *(f"{schema}.{name}" for schema, name, _ in AGGREGATES),
}
CALLS = (
    "SELECT * FROM api.get_agg_cumsum_metric('bytes_sent', 'cumsum', '1 hour', %(start)s, %(end)s)",
    "SELECT * FROM api.get_agg_cumsum_metric('bytes_sent', 'cumsum', '1 day', %(start)s, %(end)s)",
    "SELECT * FROM api.get_agg_metric('height', 'common', '1 hour', %(start)s, %(end)s)",
    "SELECT * FROM api.get_agg_metric('ancient', 'common', '1 day', %(long_ago)s, %(end)s)",
    "SELECT * FROM api.get_agg_metric('locked_tokens', 'mainnet', '1 day', %(long_ago)s, %(end)s)",
    "SELECT * FROM api.get_all_latest_cumsum_metrics()",
    "SELECT * FROM api.get_all_latest_common_metrics()",
    "SELECT * FROM api.get_excluded_addresses()",
)


@pytest.fixture(params=["to TimescaleDB", "to PostgreSQL"])
def ways(request: pytest.FixtureRequest) -> tuple[Cluster, Cluster]:
    """Lend the servers to move from and to."""
    plain = request.getfixturevalue("plain_cluster")
    timescaledb = request.getfixturevalue("timescaledb_cluster")
    return (plain, timescaledb) if request.param == "to TimescaleDB" else (timescaledb, plain)


@pytest.fixture
def source(ways: tuple[Cluster, Cluster]) -> Iterator[ReplacedWorld]:
    with filled(ways[0], more=grow_old) as world:
        yield world


def grow_old(world: ReplacedWorld) -> None:
    """Add what a database has after two years."""
    carry_ancient_buckets(world)
    with world.database.connection() as connection:
        for number in range(3):
            connection.execute("SELECT api.add_excluded_address(%s)", (f"manifest1{number}",))
        connection.execute("SELECT api.rm_excluded_address('manifest12')")
        connection.execute("INSERT INTO internal.refused_row VALUES ('internal', 'x', now(), 3)")


@pytest.fixture
def target(ways: tuple[Cluster, Cluster]) -> Iterator[ScratchDatabase]:
    with ScratchDatabase(ways[1].migrated_url()) as database:
        yield database
    ways[1].drop(database.url)


def carry_ancient_buckets(world: ReplacedWorld) -> None:
    """Make buckets two years ago whose raw rows retention has dropped since."""
    long_ago = world.start - 730 * DAY
    buckets = {
        "internal.prometheus_common_1m": ("name, value", "'ancient', n"),
        "internal.cagg_calculated_metric": ("name, schema, value", "'locked_tokens', 'mainnet', n"),
    }
    # TimescaleDB's real-time aggregate shows what lies before the newest bucket that it ever made.
    tag(world.database, {42: {"tli_name": "locked_tokens"}})
    put(world.database, [(world.now - 3 * HOUR, 42, "locked_tokens", "mainnet", 7)])
    with world.database.connection() as connection:
        for name, (columns, values) in buckets.items():
            table = store_of(name, connection)
            connection.execute(
                f"INSERT INTO {table} (bucket, {columns}) SELECT %s + n * INTERVAL '1 hour',"  # noqa: S608
                f" {values} FROM generate_series(0, 99) n".encode(),
                (long_ago,),
            )
    aggregates = Aggregates(world.database)
    for schema, name, _ in AGGREGATES:
        start = long_ago if f"{schema}.{name}" in buckets else world.now - DAY
        aggregates.refresh(f"{schema}.{name}", Window(start, world.now), rebuild=True)


def answers(database: Database, world: ReplacedWorld) -> list[list[tuple[object, ...]]]:
    bounds = {
        "start": world.start,
        "end": world.now - HOUR,
        "long_ago": world.start - 731 * DAY,
    }
    with database.connection() as connection:
        return [connection.execute(call.encode(), bounds).fetchall() for call in CALLS]


def rolled_up(database: Database, world: ReplacedWorld) -> list[list[tuple[object, ...]]]:
    found = []
    with database.connection() as connection:
        for (name,) in connection.execute("SELECT rollup FROM internal.rollup ORDER BY 1"):
            statement = sql.SQL("SELECT * FROM {} t WHERE bucket < %s ORDER BY t").format(
                sql.Identifier(*name.split("."))
            )
            rows = connection.execute(statement, (world.start + 8 * DAY,)).fetchall()
            found.append(rows)
    return found


def test_everything_is_there_and_answers_the_same(
    source: ReplacedWorld, target: ScratchDatabase
) -> None:
    """
    1. A move is broken off in its midst, and begun again.
    2. Rows, ledger, bookkeeping and every aggregate are the source's, also buckets of two years
       ago, whose raw rows are gone; the API answers the same.
    3. Refreshes go on, and leave those buckets alone. A second move sends nothing.
    """
    for moved in Mover(source.database, target).move():
        if moved.table == RAW[0]:
            break
    moved_rows = {m.table: m.rows for m in Mover(source.database, target).move()}
    assert moved_rows["cumsum.prometheus_remote_write"]
    assert moved_rows["internal.prometheus_remote_write"] == 0
    assert moved_rows["internal.prometheus_common_1m"] == 100

    there = ReplacedWorld(target, wrong=False, now=source.now)
    # As a policy does; a move ends before the minute that is not over.
    for schema, name, _ in AGGREGATES:
        Aggregates(target).refresh(f"{schema}.{name}", Window(source.now - HOUR, source.now))
    for mine, theirs in zip(there.contents()[:-4], source.contents()[:-4], strict=True):
        assert set(mine) ^ set(theirs) == set()
    # The engines roll up to different moments of today.
    assert rolled_up(target, source) == rolled_up(source.database, source)
    wanted = answers(source.database, source)
    assert all(wanted)
    assert answers(target, source) == wanted
    assert {m.rows for m in Mover(source.database, target).move()} == {0}

    there.refresh()
    Aggregates(target).refresh(
        "internal.prometheus_common_1m", Window(source.start - 740 * DAY, source.now), rebuild=True
    )
    assert answers(target, source) == wanted
    assert not wrong_buckets(target, source.now - 2 * MINUTE)
    # Nothing is left to do for a backfill, and numbers go on.
    with target.connection() as connection:
        connection.execute("SELECT api.add_excluded_address('manifest1new')")
        assert connection.execute("SELECT max(id) FROM internal.excluded_addresses").fetchone() == (
            4,
        )


def test_what_is_somebody_elses_stays(source: ReplacedWorld, target: ScratchDatabase) -> None:
    with target.connection() as connection:
        connection.execute(
            "INSERT INTO internal.prometheus_remote_write VALUES (%s, 7, 'mine', 'common', 1)",
            (source.start + DAY,),
        )
    with pytest.raises(StoreError, match="is to be a new one"):
        list(Mover(source.database, target).move())
    with target.connection() as connection:
        assert connection.execute(
            "SELECT count(*) FROM internal.prometheus_remote_write WHERE name = 'mine'"
        ).fetchone() == (1,)
    with pytest.raises(InputError, match="wanted another one"):
        list(Mover(target, target).move())


@pytest.mark.parametrize("ways", ["to TimescaleDB"], indirect=True)
def test_what_the_source_gets_meanwhile_is_known_to_be_missing(
    ways: tuple[Cluster, Cluster], target: ScratchDatabase
) -> None:
    """
    1. Behind the copy of the rows the source gets more: a window of the ledger, and a series.
    2. The target's ledger does not say that it has them, and the tags come along.
    """
    with filled(ways[0]) as source:
        at = source.start + 3 * DAY + 7 * MINUTE
        moves = Mover(source.database, target).move()
        for moved in moves:
            if moved.table == RAW[-1]:
                break
        put(source.database, [(at, 9, "young", "common", 1)])
        tag(source.database, {9: {"tli_name": "young"}})
        with source.database.connection() as connection:
            connection.execute(
                "INSERT INTO internal.backfill_ledger (rule_group, rule, record, step,"
                " window_start, window_end, series, rows_source, rows_written, rows_present,"
                " samples_dropped, run_id, verified_at) VALUES"
                " ('live', 'r', 'young', '1 minute', %s, %s, 1, 1, 1, 0, 0, '', now())",
                (at, at + MINUTE),
            )
        list(moves)
    with target.connection() as connection:
        records = connection.execute("SELECT DISTINCT record FROM internal.backfill_ledger")
        assert sorted(records) == [(name,) for name in sorted((TOTAL, GAUGE, OTHER))]
        assert connection.execute(
            "SELECT count(*) FROM internal.prometheus_remote_write_tag WHERE tag_id = 9"
        ).fetchone() == (1,)


def test_a_target_that_has_begun_to_live_keeps_its_books(
    ways: tuple[Cluster, Cluster], target: ScratchDatabase
) -> None:
    with filled(ways[0]) as source, target.connection() as connection:
        put(target, [(source.now, 7, "mine", "common", 1)])
        change = "SELECT internal.note_change('internal', %s, %s, 'late row')"
        connection.execute(change, (source.now, source.now + MINUTE))
        connection.commit()
        notes = connection.execute("TABLE internal.aggregate_change").fetchall()
        assert notes
        with pytest.raises(StoreError, match="has begun to live"):
            list(Mover(source.database, target).move())
        assert connection.execute("TABLE internal.aggregate_change").fetchall() == notes


def test_every_table_is_moved_or_knowingly_left(database: ScratchDatabase) -> None:
    with database.connection() as connection:
        tables = {
            name
            for (name,) in connection.execute(
                "SELECT n.nspname || '.' || c.relname FROM pg_class c"
                " JOIN pg_namespace n ON n.oid = c.relnamespace"
                " WHERE c.relkind IN ('r', 'p') AND n.nspname IN ('internal', 'cumsum', 'geo')"
            )
        }
        rollups = {
            name for (name,) in connection.execute("SELECT rollup FROM internal.rollup").fetchall()
        }
    assert tables - rollups - LEFT == {*FIRST, *RAW, *LAST}
