"""What strangers may put into the arguments of the API, as text; good values among the bad."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from hypothesis import strategies as st

from tests.sql.world import EXCLUDED, PRICE, TOTAL

# The role's limits hold in every test, so an argument that costs too much fails by SQLSTATE 57014.
_INTERVALS = (
    "1 minute", "15 minutes", "1 hour", "1 day", "1 week", "1 month", "1 year", "1000 years",
    "0", "-1 hour", "-1 month", "1 month -30 days", "-1 month 31 days", "1 month -1 second",
    "1 day -23:59:59.999999", "infinity", "-infinity", "178956970 years 7 mons", "-178956970 years",
    "178956970 years 8 mons", "2147483647 days", "2147483647 months", "2147483648 days",
    "999999999999 hours", "1e308 seconds", "0.000001 seconds", "0.0000001 seconds",
    "P1Y2M3DT4H5M6S",
    "@ 1 hour ago", "1 fortnight", "", " ", "1", "NaN", "1 hour; DROP TABLE x", "x" * 1_000,
)  # fmt: skip
_TIMES = (
    "infinity", "-infinity", "epoch", "now", "today", "yesterday", "tomorrow", "", "NaN", "0",
    "4713-01-01 00:00:00+00 BC", "4714-11-24 00:00:00+00 BC", "0001-01-01 00:00:00+00 BC",
    "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "1582-10-10T00:00:00Z",
    "1999-12-31T23:59:59.999999Z", "9999-12-31T23:59:60Z", "10000-01-01T00:00:00Z",
    "294276-12-31 23:59:59.999999+00", "294277-01-01 00:00:00+00", "2026-02-30", "2026-03-29 02:30",
    "2026-01-01T00:00:00+15:59:59", "2026-01-01T00:00:00+16:00", "2026-01-01 Europe/Berlin",
    "2026-01-01 No/Where", "20260101", "1767225600", "2026-W01", "2026-01-01'; --", "x" * 1_000,
)  # fmt: skip
_TEXTS = (
    "mainnet", "testnet", "common", "cumsum", "geo", "MAINNET", "", " ", "'", "'; DROP TABLE x; --",
    "%", "%s", "%L", "$1", "\\", "\n", "a\0b", "naïve 名 \U0001f600", "\u202e\ufeff", "NULL",
    "internal.prometheus_remote_write", "x" * 64, "x" * 300, "x" * 1_000_000, "é" * 200_000,
    "manifest1" + "q" * 39,
)  # fmt: skip
METRICS = ("node_count", "bytes_sent", TOTAL, EXCLUDED, PRICE, "total_mfx_burned", "locked_tokens")

_MICROSECOND = timedelta(microseconds=1)


def _recent() -> st.SearchStrategy[str]:
    """Return instants of the last days, where the rows are, to the minute or to the microsecond."""
    now = datetime.now(timezone.utc).replace(second=0, microsecond=0)
    minutes = st.integers(-60, 10 * 24 * 60).map(lambda n: now - n * timedelta(minutes=1))
    ragged = st.tuples(minutes, st.integers(0, 60_000_000)).map(
        lambda x: x[0] + x[1] * _MICROSECOND
    )
    return st.one_of(minutes, ragged).map(datetime.isoformat)


def _any_time() -> st.SearchStrategy[str]:
    years = st.integers(-1, 9_999).map(lambda year: f"{abs(year):04d}-06-15T12:00:00Z")
    far = st.integers(10_000, 300_000).map(lambda year: f"{year}-01-01 00:00:00+00")
    return st.one_of(st.sampled_from(_TIMES), years, far, st.text(max_size=12))


def _any_interval() -> st.SearchStrategy[str]:
    units = st.sampled_from(["year", "month", "week", "day", "hour", "minute", "second", "us"])
    number = st.one_of(st.integers(-40, 40), st.integers(-(2**40), 2**40), st.floats(-1e6, 1e6))
    part = st.tuples(number, units).map(lambda pair: f"{pair[0]} {pair[1]}")
    built = st.lists(part, min_size=1, max_size=4).map(" ".join)
    return st.one_of(st.sampled_from(_INTERVALS), built, st.text(max_size=12))


def _any_text() -> st.SearchStrategy[str]:
    return st.one_of(st.sampled_from(_TEXTS), st.text(max_size=20))


_GOOD_INTERVALS = ("1 minute", "7 minutes", "1 hour", "90 minutes", "1 day", "3 days", "1 month")


def value_of(name: str, kind: str) -> st.SearchStrategy[str | None]:
    """Return what an argument of that name and type may be given; NULL among it."""
    good: st.SearchStrategy[str] = {
        "interval": st.sampled_from(_GOOD_INTERVALS),
        "timestamp with time zone": _recent(),
    }.get(kind, st.sampled_from(["mainnet", "testnet"]))
    if name == "p_metric_name":
        good = st.sampled_from(METRICS)
    wild = {"interval": _any_interval(), "timestamp with time zone": _any_time()}
    bad = wild.get(kind, _any_text())
    # Eight good ones to three bad ones: else hardly any call of five would be answered.
    return st.sampled_from([good] * 8 + [bad, bad, st.none()]).flatmap(lambda chosen: chosen)
