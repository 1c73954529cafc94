"""What the listener cannot be told to refuse costs no good row, and nobody else's requests."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import cramjam
import httpx

from promtsdb_dagster.adapters.inventory import Inventory
from tests.fix_postgres import ScratchDatabase
from tests.fix_telegraf import PASSWORD, USERNAME, Telegraf
from tests.remote_write import Series, encoded, message
from tests.rows import stored

NOW = int(time.time()) // 60 * 60_000


def sample(name: str, number: int = 0) -> Series:
    return {"__name__": name, "number": str(number)}, [(NOW, 1.0)]


def names(database: ScratchDatabase) -> list[str]:
    return [row[2] for row in stored(database, "internal.prometheus_remote_write")]


def pieces(body: bytes, size: int = 65_536) -> Iterator[bytes]:
    """Yield a body whose length is not announced."""
    for start in range(0, len(body), size):
        yield body[start : start + size]


def test_bodies_that_lie_about_their_size(
    plain_telegraf: Telegraf, plain_database: ScratchDatabase
) -> None:
    large = message(sample("chunked", n) for n in range(2_000)) + message(
        [({"__name__": "chunked", "text": "x" * 6_000_000}, [(NOW, 1.0)])]
    )
    snappy = {"Content-Encoding": "snappy"}
    with httpx.Client(trust_env=False, auth=(USERNAME, PASSWORD), timeout=60) as client:
        # 4 GiB when decompressed, it says; and 100 MB, which it is not.
        assert client.post(
            plain_telegraf.url, content=b"\xff\xff\xff\xff\x0f\x00", headers=snappy
        ).status_code in (400, 413)
        assert client.post(
            plain_telegraf.url, content=pieces(b"\x80\x84\xaf\x5f"), headers=snappy
        ).status_code in (400, 413)
        announced = client.post(plain_telegraf.url, content=b"\0" * 100_000_000)
        assert announced.status_code == 413
        # Without Content-Length, and small until it is decompressed: not limited, as docs say.
        packed = bytes(cramjam.snappy.compress_raw(large))
        taken = client.post(plain_telegraf.url, content=pieces(packed), headers=snappy)
        assert taken.status_code == 204
    plain_telegraf.send([sample("good")])
    plain_telegraf.wait_until_flushed(2_002)

    assert sorted(set(names(plain_database))) == ["chunked", "good"]
    assert len(names(plain_database)) == 2_001
    assert Inventory(plain_database).refused("internal") == {"labels too large": 1}


def test_twenty_clients_at_once(telegraf: Telegraf, database: ScratchDatabase) -> None:
    garbage: list[Series] = [
        ({"__name__": "a\0b"}, [(NOW, 1.0)]),
        ({"__name__": "future"}, [(NOW + 3_600_000, 1.0)]),
        ({"__name__": "ancient"}, [(NOW - n * 604_800_000, 1.0) for n in range(2, 500)]),
    ]

    def client(number: int) -> None:
        for turn in range(5):
            telegraf.send([*garbage, sample(f"good_{turn}", number), *garbage])

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(client, range(20)))
    telegraf.wait_until_flushed(100 * (2 * 500 + 1))

    assert sorted(names(database)) == sorted(f"good_{n % 5}" for n in range(100))
    assert Inventory(database).refused("internal") == {
        "NUL in name or labels": 200,
        "in the future": 200,
        "too old": 200 * 498,
    }


def test_a_request_of_remote_write_2_is_taken_and_holds_nothing(
    plain_telegraf: Telegraf, plain_database: ScratchDatabase
) -> None:
    """Telegraf reads it as 1.0: fields of other numbers, so no series; senders must use 1.0."""
    symbols = b"".join(
        bytes([0x22, len(text)]) + text for text in (b"", b"__name__", b"second_version")
    )
    series = bytes([0x2A, 4, 0x0A, 2, 1, 2])
    body = bytes(cramjam.snappy.compress_raw(symbols + series))
    header = {"Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"}

    assert plain_telegraf.post(body, headers=header) == 204
    assert plain_telegraf.post(encoded([sample("good")])) == 204
    plain_telegraf.wait_until_flushed(1)

    assert names(plain_database) == ["good"]
