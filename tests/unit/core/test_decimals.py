"""Values are the shortest plain decimals, whichever way they are looked at."""

from __future__ import annotations

import math
import struct
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promtsdb_dagster.core.decimals import are_plain, plain_decimal


def _float(bits: int) -> float:
    (number,) = struct.unpack("<d", struct.pack("<Q", bits))
    return float(number)


FLOATS = st.integers(0, 2**64 - 1).map(_float)
# What a source could send for a number, if it is not Prometheus.
SPELLINGS = st.one_of(
    FLOATS.map(repr),
    st.floats(-1e17, 1e17).map(repr),
    st.tuples(st.floats(-1e17, 1e17), st.integers(0, 20)).map(lambda it: f"{it[0]:.{it[1]}f}"),
    st.tuples(st.floats(), st.integers(0, 20)).map(lambda it: f"{it[0]:.{it[1]}e}"),
    st.decimals(allow_nan=False, allow_infinity=False, places=6).map(lambda it: format(it, "f")),
    st.integers(-(10**22), 10**22).map(str),
    st.from_regex(r"[-+]?[0-9]{1,20}(\.[0-9]{0,20})?", fullmatch=True),
)


def slow(text: str) -> str | None:
    """Return what `plain_decimal` means, without any shortcut."""
    number = float(text)
    if not math.isfinite(number):
        return None
    plain = format(Decimal(repr(number)), "f")
    plain = plain[:-2] if plain.endswith(".0") else plain
    return "0" if number == 0 else plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3", "3"),
        ("3.0", "3"),
        ("1e3", "1000"),
        ("1.50", "1.5"),
        ("+5", "5"),
        ("007", "7"),
        ("0.379", "0.379"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1_0", "10"),
        ("\u0665", "5"),
        ("135304300855652060000", "135304300855652060000"),
        ("1.3530430085565206e+20", "135304300855652060000"),
        ("1e-7", "0.0000001"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("-2.50", "-2.5"),
        ("999999999999999", "999999999999999"),
        ("9007199254740993", "9007199254740992"),
        ("0.30000000000000004", "0.30000000000000004"),
        ("0.3000000000000000444", "0.30000000000000004"),
        ("1e308", "1" + "0" * 308),
        ("NaN", None),
        ("+Inf", None),
        ("-Inf", None),
    ],
)
def test_a_value_is_the_shortest_plain_decimal(text: str, expected: str | None) -> None:
    assert plain_decimal(text) == expected
    assert slow(text) == expected
    assert not are_plain([text]) or text == expected


@pytest.mark.parametrize("text", ["", "0x10", "1,2", "true", "null", "[1]", '"1"', "1 2", "--1"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="could not convert"):
        plain_decimal(text)
    assert not are_plain([text])
    assert not are_plain(["1", text])


@given(FLOATS)
def test_a_value_reads_back_as_the_same_float(number: float) -> None:
    plain = plain_decimal(repr(number))

    if not math.isfinite(number):
        assert plain is None
        return
    assert plain is not None
    assert float(plain) == number
    assert "e" not in plain.lower()
    assert not plain.endswith(".0")
    assert len(Decimal(plain).normalize().as_tuple().digits) <= 17


@given(SPELLINGS)
def test_the_shortcut_for_one_value_gives_the_same_text(text: str) -> None:
    assert plain_decimal(text) == slow(text)


@given(st.lists(st.one_of(SPELLINGS, SPELLINGS.map(slow).map(str)), max_size=5))
def test_a_list_that_is_plain_would_not_be_changed(texts: list[str]) -> None:
    if are_plain(texts):
        assert [slow(text) for text in texts] == texts


@given(st.lists(st.floats(-1e14, 1e14).filter(lambda it: it == 0 or abs(it) > 1e-4), min_size=1))
def test_what_prometheus_sends_takes_the_short_way(numbers: list[float]) -> None:
    assert are_plain([str(slow(repr(number))) for number in numbers])
