"""Send what nobody meant to the real Telegraf, and see that a good row still arrives each time.

`make fuzz TARGET=remote_write` goes on for longer than the test does.
"""

from __future__ import annotations

import gzip
import random
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial

import cramjam
import httpx

from tests.catalog import describe
from tests.fix_postgres import ScratchDatabase
from tests.fix_telegraf import Telegraf, wait_until
from tests.remote_write import Series, encoded, message

_AT_ONCE = 40
# What a listener may say to a body: taken, wrong, too large.
_ANSWERS = {204, 400, 413}
REASONS = {
    "NUL in name or labels", "no time", "name too long", "labels too large", "incomplete",
    "not finite", "value too long", "in the future", "too old", "covered by a backfill",
    "too many names", "too many series",
}  # fmt: skip
_NAMES: tuple[str | bytes, ...] = (
    "up", "UP", "web_requests", "manifest_geo_latitude", "staging_internal", "", "x" * 1_500,
    "x" * 10_000, "a\0b", b"\xff\xfe", "schema", "\u0661", "prometheus_remote_write", "__name__",
)  # fmt: skip
_LABELS: tuple[str | bytes, ...] = (
    "", "tag_id", "labels", "tags", "host", "tli_name", "schema", "name", "time", "value",
    "supply", "amount", "instance", "manifest_tier", "le", "a\0", b"\xc3", "x" * 10_000, "\ufeff",
)  # fmt: skip
_TEXTS: tuple[str | bytes, ...] = (
    "", "n/a", "1e999999", "-5", " 12 ", "9" * 10_000, "NaN", "\u0661\u0662", "mainnet", "testnet",
    "x" * 40_000, "a\0b", b"\x80", '{"a": 1}', "\\u0000", "'; DROP TABLE x; --", "\U0001f4a9",
)  # fmt: skip


def requests(chance: random.Random) -> Iterator[tuple[bytes, dict[str, str]]]:
    """Yield bodies and headers without end."""
    while True:
        plain = message([_series(chance) for _ in range(chance.randrange(1, 6))])
        if chance.random() < 0.7:
            plain = _mutated(plain, chance)
        kind = chance.randrange(8)
        if kind == 0:
            yield _mutated(bytes(cramjam.snappy.compress_raw(plain)), chance), {}
        elif kind == 1:
            yield plain, {"Content-Encoding": chance.choice(("", "zstd", "br", "identity", "x"))}
        elif kind == 2:
            yield gzip.compress(plain), {"Content-Encoding": "gzip"}
        elif kind == 3:
            yield chance.randbytes(chance.randrange(60)), {}
        else:
            second = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
            header = chance.choice(("text/html", "application/x-protobuf", second, ""))
            yield bytes(cramjam.snappy.compress_raw(plain)), {"Content-Type": header}


def _series(chance: random.Random) -> Series:
    labels = {chance.choice(_LABELS): chance.choice(_TEXTS) for _ in range(chance.randrange(6))}
    if chance.random() < 0.05:
        labels |= {f"label_{n}": str(n) for n in range(10_000)}
    now = int(time.time()) * 1_000
    ages = (0, 60_000, 86_400_000, 30 * 86_400_000, -60_000, -3_600_000, -(10**14), 2**62, now + 1)
    drawn = (chance.choice(ages) for _ in range(chance.randrange(4)))
    values = (0.0, -1.0, 1e308, -1e308, 5e-324, float("nan"), float("inf"), float("-inf"), 0.1)
    samples = [(now - age, chance.choice(values)) for age in drawn]
    return {"__name__": chance.choice(_NAMES), **labels}, samples


def _mutated(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randrange(1, 5)):
        at = chance.randrange(len(changed) + 1)
        length = chance.choice((1, 1, 2, 8, 64))
        kind = chance.randrange(5)
        if kind == 0:
            changed[at : at + length] = chance.randbytes(length)
        elif kind == 1:
            del changed[at : at + length]
        elif kind == 2:
            changed[at:at] = changed[at : at + length] * chance.randrange(1, 20)
        elif kind == 3:
            # A length or a number that has no end.
            changed[at:at] = b"\xff" * chance.randrange(1, 11) + b"\x01"
        elif changed:
            changed[at % len(changed)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def fuzz(telegraf: Telegraf, database: ScratchDatabase, seconds: float, seed: int) -> Counter[int]:
    """Send for so long, and return how often each status was answered.

    Raises AssertionError, or fails the test, when a good row does not arrive or a bad one stays.
    """
    chance = random.Random(seed)
    before = describe(database)
    answers: Counter[int] = Counter()
    source = requests(chance)
    ends, rounds = time.monotonic() + seconds, 0
    while time.monotonic() < ends:
        for _ in range(_AT_ONCE):
            body, headers = next(source)
            answers[_post(telegraf, body, headers)] += 1
        rounds += 1
        good: Series = (
            {"__name__": "good_row", "round": str(rounds)},
            [(int(time.time()) // 60 * 60_000, rounds)],
        )
        assert _post(telegraf, encoded([good]), {}) == httpx.codes.NO_CONTENT
        arrived = partial(_arrived, database, rounds)
        wait_until(arrived, f"round {rounds} of seed {seed}", 60, telegraf.log)
    assert set(answers) <= _ANSWERS, answers
    assert describe(database) == before
    _judge(database)
    return answers


def _post(telegraf: Telegraf, body: bytes, headers: dict[str, str]) -> int:
    assert telegraf.running()
    return telegraf.post(body, headers=headers)


def _arrived(database: ScratchDatabase, number: int) -> bool:
    with database.connection() as connection:
        statement = (
            "SELECT count(*) FROM internal.prometheus_remote_write r"
            " JOIN internal.prometheus_remote_write_tag t USING (tag_id)"
            " WHERE r.name = 'good_row' AND t.labels ->> 'round' = %s AND r.value = %s"
        )
        row = connection.execute(statement, [str(number), number]).fetchone()
    return row == (1,)


def _judge(database: ScratchDatabase) -> None:
    """Prove that what is stored is of these days, and that all else was counted by a known name."""
    with database.connection() as connection:
        for schema in ("internal", "cumsum"):
            statement = (
                f"SELECT count(*) FROM {schema}.prometheus_remote_write"  # noqa: S608
                " WHERE time < now() - interval '8 days' OR time > now() + interval '10 minutes'"
                " OR value IN ('NaN', 'Infinity', '-Infinity') OR octet_length(name) > 1024"
            )
            assert connection.execute(statement.encode()).fetchone() == (0,)
        reasons = connection.execute("SELECT reason FROM internal.refused_row").fetchall()
        orphans = connection.execute("SELECT count(*) FROM internal.orphan_tag").fetchone()
    assert {reason for (reason,) in reasons} <= REASONS
    assert orphans == (0,)
