"""What is remote-written to Telegraf is stored as our own writer would store it."""

from __future__ import annotations

import math
import random
import struct
import time
from collections import Counter
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from promtsdb_dagster.core.decimals import plain_decimal
from promtsdb_dagster.core.samples import tag_id, tags_of
from promtsdb_dagster.errors import StackError
from tests.catalog import describe
from tests.fix_postgres import ScratchDatabase
from tests.fix_prometheus import ROUTING
from tests.fix_telegraf import PASSWORD, USERNAME, Telegraf
from tests.remote_write import Series, encoded, message

# Whole minutes of today or yesterday: what is older makes chunks, what is a day ahead is refused.
NOW = int(time.time()) // 60 * 60_000
MINUTE = 60_000
STALE = struct.unpack("<d", bytes.fromhex("020000000000f07f"))[0]
# Names of columns, of fields and of Telegraf's own, upper case, what routing looks at.
AWKWARD: list[dict[str, str]] = [
    {"__name__": "total_mfx_burned", "instance": "foobar:443"},
    {"__name__": "bare"},
    *({"__name__": name} for name in ("value", "name", "schema", "time", "tag_id", "tags")),
    *({"__name__": name} for name in ("internal_write", "prometheus_remote_write", "host")),
    {
        **{"__name__": "like_columns", "time": "t", "tag_id": "7", "name": "n", "schema": "s"},
        **{"value": "v", "tags": "j", "measurement": "m", "le": "+Inf", "labels": "l"},
    },
    {"__name__": "Upper_Case", "Label": "Value", "label": "value"},
    {"__name__": "overridden", "tli_name": "something_else"},
    {"__name__": "hosted", "host": "its-own"},
    {"__name__": "hosted", "host": "telegraf"},
    {"__name__": "tiered", "manifest_tier": ""},
    {"__name__": "no_host", "host": "", "empty": "", "kept": " "},
    *(
        {"__name__": name, "manifest_tier": tier}
        for name in ("tiered", "web_requests", "Manifest_Geo_Latitude")
        for tier in ("mainnet", "testnet", "qa", "Mainnet", "mainnet ")
    ),
    *({"__name__": name} for name in sorted(ROUTING.geo | ROUTING.cumulative)),
    {"__name__": "texts", "quotes": "\"'`\\", "lines": "a\nb\r\t\x01", "json": '{"a": [1]}'},
    {"__name__": "texts", "unicode": "Zürich 東京 \N{PILE OF POO}\u2028\ufeff"},
    {"__name__": "texts", "dollar": "$1 ${HOME} $HOME @{secret:name}"},
    {"__name__": "texts", "unicode": "e\u0301"},
    {"__name__": "texts", "html": "<a>&amp;</a>", "template": "{{ .table }} %s %d"},
    {"__name__": "large", "text": "x" * 30_000},
    {"__name__": "many", **{f"label_{n}": str(n) for n in range(300)}},
]  # fmt: skip
VALUES = [
    *(0.0, -0.0, 1.0, -1.5, 0.379, 0.1 + 0.2, 1 / 3, 1e15, 1e16, 1e21, 1e22, 2.0**53, 2.0**63),
    *(1e-5, 1e-7, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1e300),
    *(135304300855652060000.0, 123456789012345678.0),
]


def awkward_series(seed: int) -> list[Series]:
    """Return every awkward label set, each with values of its own."""
    chance = random.Random(seed)
    drawn = (struct.unpack("<d", chance.randbytes(8))[0] for _ in range(2000))
    values = VALUES + [value for value in drawn if math.isfinite(value)]
    letters = "abz_09:/\"'\\\n ÄЖ\U0001f600"
    labels = AWKWARD + [
        {
            "__name__": f"random_{n}",
            **{
                f"l{chance.randrange(20)}": "".join(chance.choices(letters, k=chance.randrange(9)))
                for _ in range(chance.randrange(12))
            },
        }
        for n in range(200)
    ]
    share = -(-len(values) // len(labels))
    return [
        (bag, [(NOW - k * MINUTE, v) for k, v in enumerate(values[n * share : (n + 1) * share])])
        for n, bag in enumerate(labels)
    ]


def instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(0, timezone.utc) + timedelta(milliseconds=milliseconds)


def converted(series: list[Series]) -> Counter[tuple[Any, ...]]:
    """Return the rows that our own writer makes of the series, each with all of its tags."""
    rows: Counter[tuple[Any, ...]] = Counter()
    for labels, samples in series:
        kept = {str(k): str(v) for k, v in labels.items() if k != "__name__" and v != ""}
        name = str(labels["__name__"]).lower()
        tags = tags_of(name, kept)
        for at, value in samples:
            plain = Decimal(plain_decimal(repr(value)) or "NaN")
            schema = ROUTING.schema_of(name, kept)
            bag = frozenset(tags.items())
            rows[instant(at), tag_id(tags), name, schema, plain, str(plain), bag] += 1
    return rows


def stored(database: ScratchDatabase) -> Counter[tuple[Any, ...]]:
    """Return the rows of both tables, and prove that each is where its schema belongs."""
    statement = """
        SELECT m.time, m.tag_id, m.name, m.schema, m.value, m.value::text, t.labels, m.cumulative
        FROM (
            SELECT *, false AS cumulative FROM internal.prometheus_remote_write
            UNION ALL SELECT *, true FROM cumsum.prometheus_remote_write
        ) AS m JOIN internal.prometheus_remote_write_tag t USING (tag_id)"""
    rows: Counter[tuple[Any, ...]] = Counter()
    with database.connection() as connection:
        for *row, written, labels, cumulative in connection.execute(statement):
            assert cumulative == (row[3] == "cumsum")
            # As text the value is a plain decimal, too.
            rows[(*row, str(Decimal(written)), frozenset(labels.items()))] += 1
            assert "e" not in written.lower()
    return rows


def staged(database: ScratchDatabase) -> int:
    """Return how many rows wait in the staging tables."""
    with database.connection() as connection:
        [[rows]] = connection.execute(
            "SELECT (SELECT count(*) FROM staging_internal.prometheus_remote_write)"
            " + (SELECT count(*) FROM staging_internal.prometheus_remote_write_tag)"
            " + (SELECT count(*) FROM staging_cumsum.prometheus_remote_write)"
            " + (SELECT count(*) FROM staging_cumsum.prometheus_remote_write_tag)"
        ).fetchall()
    return int(rows)


def test_rows_are_those_of_our_own_writer(telegraf: Telegraf, database: ScratchDatabase) -> None:
    series = awkward_series(7)
    expected = converted(series)

    telegraf.send(series)
    telegraf.wait_until_flushed(expected.total())

    assert stored(database) == expected
    assert set(expected.values()) == {1}
    assert {row[3] for row in expected} == {"geo", "cumsum", "mainnet", "testnet", "common"}
    assert staged(database) == 0


def test_a_sample_that_cannot_be_stored_takes_no_other_with_it(
    telegraf: Telegraf, database: ScratchDatabase
) -> None:
    good: list[Series] = [
        ({"__name__": "good", "n": str(n), "manifest_tier": "mainnet"}, [(NOW, n / 7)])
        for n in range(3000)
    ]
    good += [({"__name__": "web_requests", "n": str(n)}, [(NOW, n / 7)]) for n in range(300)]
    # What the processor refuses, and staging counts.
    left_out: list[Series] = [
        ({"__name__": "nul", "label": "a\0b"}, [(NOW, 1.0)]),
        ({"__name__": "nul", "la\0bel": "ab"}, [(NOW, 1.0)]),
        ({"__name__": "nu\0l"}, [(NOW, 1.0)]),
        ({"__name__": "no_time"}, [(0, 1.0), (-5, 1.0)]),
        ({"__name__": "past_2262"}, [(6_246_000_000_000_000, 1.0), (253_402_300_800_000, 1.0)]),
        ({"__name__": "x" * 3000}, [(NOW, 1.0)]),
        ({"__name__": "large", "label": "x" * 1_000_000}, [(NOW, 1.0)]),
        ({"__name__": "many", **{f"label_{n}": str(n) for n in range(10_000)}}, [(NOW, 1.0)]),
    ]
    # What staging refuses.
    refused: list[Series] = [
        ({"__name__": "not_finite"}, [(NOW, math.inf), (NOW - MINUTE, -math.inf)]),
        ({"__name__": "web_requests", "n": "infinite"}, [(NOW, math.inf)]),
        ({"__name__": "year_2200"}, [(7_258_118_400_000, 1.0)]),
    ]
    # What is only no number, or sent twice.
    absent: list[Series] = [({"__name__": "absent"}, [(NOW, math.nan), (NOW, STALE)])]
    # What is not UTF-8, in a label and in a name, has no counterpart in our own writer.
    strange: list[Series] = [
        ({"__name__": "strange", "label": b"\xff\xfe\xc3"}, [(NOW, 1.0)]),
        ({"__name__": b"strange\xff"}, [(NOW, 1.0)]),
    ]
    everything = good + left_out + refused + absent + strange + good[:500]
    random.Random(3).shuffle(everything)

    telegraf.send(everything)
    telegraf.wait_until_flushed(len(good) + 500 + 10 + 4 + 2)

    rows = stored(database)
    assert Counter({row: n for row, n in rows.items() if row[2] in ("good", "web_requests")}) == (
        converted(good)
    )
    assert {row[2] for row in rows} == {
        "good",
        "web_requests",
        "strange",
        "strange\N{REPLACEMENT CHARACTER}",
    }
    assert staged(database) == 0
    with database.connection() as connection:
        counted = connection.execute(
            "SELECT source, reason, sum(rows)::int FROM internal.refused_row GROUP BY 1, 2"
        ).fetchall()
    assert sorted(counted) == [
        ("cumsum", "not finite", 1),
        ("internal", "NUL in name or labels", 3),
        ("internal", "in the future", 1),
        ("internal", "labels too large", 2),
        ("internal", "name too long", 1),
        ("internal", "no time", 4),
        ("internal", "not finite", 2),
    ]
    # Told once, and not for each sample.
    assert telegraf.log.read_text().count("because of NUL") == 1


def test_no_client_changes_a_table(
    plain_telegraf: Telegraf, plain_database: ScratchDatabase
) -> None:
    before = describe(plain_database)
    for part in range(4):
        plain_telegraf.send(
            ({"__name__": "grows", f"label_{part}_{n}": str(n)}, [(NOW, 1.0)]) for n in range(50)
        )
    plain_telegraf.wait_until_flushed(200)

    assert len(stored(plain_database)) == 200
    assert describe(plain_database) == before
    with plain_database.connection() as connection:
        sessions = connection.execute(
            "SELECT usename, application_name FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchall()
    assert sessions == [("telegraf", "telegraf")] * 2


def test_who_may_send_what(plain_telegraf: Telegraf, plain_database: ScratchDatabase) -> None:
    sample: list[Series] = [({"__name__": "guarded"}, [(NOW, 1.0)])]
    body = encoded(sample)

    assert plain_telegraf.post(body, auth=None) == 401
    assert plain_telegraf.post(body, auth=(USERNAME, "wrong")) == 401
    assert plain_telegraf.post(body, auth=(USERNAME, "")) == 401
    assert plain_telegraf.post(body, auth=("wrong", PASSWORD)) == 401
    assert plain_telegraf.post(b"\0" * (4 * 2**20 + 1)) == 413
    assert plain_telegraf.post(b"no snappy") == 400
    # What vmalert tries first; the answer makes it take snappy from then on.
    assert (
        plain_telegraf.post(b"\x28\xb5\x2f\xfd" + body, headers={"Content-Encoding": "zstd"}) == 400
    )
    # One series without a name spoils the request, and the sender is told so.
    nameless: list[Series] = [*sample, ({"label": "only"}, [(NOW, 1.0)])]
    assert plain_telegraf.post(encoded(nameless)) == 400
    with httpx.Client(trust_env=False, auth=(USERNAME, PASSWORD)) as client:
        assert client.get(plain_telegraf.url).status_code == 405
        assert client.post(plain_telegraf.url + "/other", content=body).status_code == 404
    assert plain_telegraf.counters()["gathered"] == 0

    assert plain_telegraf.post(body) == 204
    assert plain_telegraf.post(message(sample), headers={"Content-Encoding": ""}) == 204
    plain_telegraf.wait_until_flushed(2)
    assert stored(plain_database) == converted(sample)


def test_its_own_metrics_are_its_own(
    plain_telegraf: Telegraf, plain_database: ScratchDatabase
) -> None:
    names = ("internal_write", "internal_agent", "internal_agent_metrics_written", "client_metric")
    # No count, size or time of Telegraf's own has these digits.
    value = 0.47114711547
    series: list[Series] = [
        ({"__name__": name, "of": "a client"}, [(NOW, value)]) for name in names
    ]
    series.append(({"__name__": "web_requests"}, [(NOW, value)]))

    plain_telegraf.send(series)
    plain_telegraf.wait_until_flushed(5)

    assert stored(plain_database) == converted(series)
    page = httpx.get(plain_telegraf.metrics_url, trust_env=False).text
    assert "a client" not in page
    assert "47114711" not in page
    assert "client_metric" not in page
    seen = plain_telegraf.counters()
    assert (seen["internal.written"], seen["cumsum.written"], seen["gathered"]) == (4, 1, 5)
    assert "\ninternal_agent_metrics_written" in page


@pytest.mark.parametrize("variable", ["TELEGRAF_PASSWORD", "TELEGRAF_DATABASE_URL"])
@pytest.mark.parametrize("text", [None, ""])
def test_it_does_not_start_without_its_secrets(
    telegraf_program: Path, tmp_path: Path, variable: str, text: str | None
) -> None:
    service = Telegraf(tmp_path, telegraf_program, "postgresql://nobody@127.0.0.1:1/nothing")
    del service.environment[variable]
    if text is not None:
        service.environment[variable] = text

    with pytest.raises(StackError, match=variable):
        service.start()
    service.close()
