"""What Telegraf holds, and what is lost, when the database or Telegraf itself goes away."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.fix_deployment import Deployment
from tests.fix_postgres import ScratchDatabase
from tests.fix_telegraf import Telegraf, wait_until
from tests.remote_write import Series

NOW = int(time.time()) // 60 * 60_000
NAMES = ("outage_gauge", "web_requests")


@pytest.fixture
def service(telegraf_program: Path, deployment: Deployment, tmp_path: Path) -> Iterator[Telegraf]:
    """Give a Telegraf that does not run yet, with the password of its role."""
    found = Telegraf(tmp_path, telegraf_program, deployment.telegraf_url)
    yield found
    found.close()


def batch(numbers: range) -> list[Series]:
    """Return one sample a number, half of them for each output, told apart by a label."""
    return [({"__name__": NAMES[n % 2], "n": str(n)}, [(NOW, float(n))]) for n in numbers]


def arrived(database: ScratchDatabase) -> set[int]:
    """Return the numbers whose rows are stored; fail when one is stored wrongly."""
    with database.connection() as connection:
        rows: list[tuple[str, int, int | None]] = connection.execute(
            "SELECT m.name, m.value::int, (t.labels ->> 'n')::int"
            " FROM (TABLE internal.prometheus_remote_write UNION ALL"
            " TABLE cumsum.prometheus_remote_write) AS m"
            " LEFT JOIN internal.prometheus_remote_write_tag t USING (tag_id)"
        ).fetchall()
    assert all(tag in (number, None) for _, number, tag in rows)
    assert all(name == NAMES[number % 2] for name, number, _ in rows)
    numbers = {number for _, number, _ in rows}
    assert len(numbers) == len(rows)
    # What has no tags yet is known to have none.
    assert orphans(database) == sum(tag is None for *_, tag in rows)
    return numbers


def orphans(database: ScratchDatabase) -> int:
    """Return how many series wait for their tags."""
    with database.connection() as connection:
        [[found]] = connection.execute("SELECT count(*) FROM internal.orphan_tag").fetchall()
    return int(found)


def stored(deployment: Deployment) -> set[int]:
    """Return the numbers whose rows are stored by a deployment."""
    with deployment.database() as database:
        return arrived(database)


@contextmanager
def sending(telegraf: Telegraf) -> Iterator[list[int]]:
    """Send one batch after the other until the end; the list is of what was taken."""
    taken: list[int] = []
    over = threading.Event()
    failures: list[BaseException] = []

    def work() -> None:
        first = 1_000_000
        try:
            while not over.is_set():
                numbers = range(first, first + 200)
                telegraf.send(batch(numbers))
                taken.extend(numbers)
                first += 200
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        wait_until(lambda: len(taken) > 2000 or bool(failures), "some batches are sent")
        yield taken
        more = len(taken) + 2000
        wait_until(lambda: len(taken) > more or bool(failures), "some more batches are sent")
    finally:
        over.set()
        thread.join()
    assert not failures


@contextmanager
def inserts_blocked(database: ScratchDatabase, table: str) -> Iterator[None]:
    """Keep everybody from inserting into a table."""
    with psycopg.connect(database.url) as connection:
        connection.execute(f"LOCK TABLE {table} IN SHARE MODE".encode())
        yield


def end_waiting(database: ScratchDatabase) -> bool:
    """End Telegraf's connection that waits for a lock, as a shutdown would; False if none does."""
    with database.connection() as connection:
        return bool(
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND usename = 'telegraf'"
                " AND wait_event_type = 'Lock'"
            ).fetchall()
        )


@pytest.mark.parametrize("table", ["prometheus_remote_write_tag", "prometheus_remote_write"])
def test_a_connection_that_the_server_ends_loses_nothing(
    plain_telegraf: Telegraf, plain_database: ScratchDatabase, table: str
) -> None:
    with inserts_blocked(plain_database, f"staging_internal.{table}"):
        plain_telegraf.send(batch(range(0, 4000, 2)))
        wait_until(lambda: end_waiting(plain_database), "Telegraf waits in its COPY")
    plain_telegraf.wait_until_flushed(2000)
    assert arrived(plain_database) == set(range(0, 4000, 2))

    # Rows whose tags were rolled back with them are no worse than late: after a restart the tags
    # come with the next sample of each series.
    assert orphans(plain_database) == (0 if table.endswith("_tag") else 2000)
    plain_telegraf.stop()
    plain_telegraf.start()
    plain_telegraf.send(
        (labels, [(at + 60_000, value) for at, value in samples])
        for labels, samples in batch(range(0, 4000, 2))
    )
    plain_telegraf.wait_until_flushed(2000)
    assert orphans(plain_database) == 0


def test_a_restart_of_the_database_loses_nothing(deployment: Deployment, service: Telegraf) -> None:
    service.start()
    with sending(service) as taken:
        deployment.stop()
        deployment.start()

    service.wait_until_flushed(len(taken))

    assert stored(deployment) == set(taken)


def test_what_comes_while_the_database_is_down_is_written_later(
    deployment: Deployment, service: Telegraf
) -> None:
    deployment.stop()
    # Not even a start needs the database.
    service.start()
    for first in range(0, 12_000, 1000):
        service.send(batch(range(first, first + 1000)))
    wait_until(
        lambda: (
            sum(service.counters()[f"{each}.buffer_size"] for each in ("internal", "cumsum"))
            == 12_000
        ),
        "all samples are in the buffers",
    )

    deployment.start()
    service.wait_until_flushed(12_000)

    assert stored(deployment) == set(range(12_000))


def test_a_stop_writes_what_is_in_the_buffer(deployment: Deployment, service: Telegraf) -> None:
    service.start()
    service.send(batch(range(5000)))
    service.stop()

    assert stored(deployment) == set(range(5000))


def test_a_kill_loses_the_buffer_and_no_more(deployment: Deployment, service: Telegraf) -> None:
    service.start()
    service.send(batch(range(1000)))
    service.wait_until_flushed(1000)
    deployment.stop()
    service.send(batch(range(1000, 2000)))
    service.kill()
    deployment.start()

    service.start()
    service.send(batch(range(2000, 3000)))
    service.wait_until_flushed(1000)

    assert stored(deployment) == {*range(1000), *range(2000, 3000)}
    # The same series once more, as a repair would: the tags of what was lost come with it.
    service.send(batch(range(1000, 2000)))
    service.wait_until_flushed(2000)
    assert stored(deployment) == set(range(3000))
