"""What holds for every row that is to be stored, by means other than the code's own."""

from __future__ import annotations

import re
from functools import reduce

from promtsdb_dagster.core.samples import Converted, Series

_DECIMAL = re.compile(r"0|-?(?:[1-9][0-9]*|(?:0|[1-9][0-9]*)\.[0-9]*[1-9])")
# What an index entry of PostgreSQL holds, beside the rest of its key.
_LONGEST_NAME_BYTES = 2_000
_SCHEMAS = frozenset({"geo", "cumsum", "mainnet", "testnet", "common"})


def judge_rows(converted: Converted, name: str) -> None:
    """Raise AssertionError unless PostgreSQL can hold every row and every tag."""
    for series in converted.series:
        assert series.name == name
        assert series.schema in _SCHEMAS
        assert len((series.name + series.schema).encode()) <= _LONGEST_NAME_BYTES
        assert -(1 << 63) <= series.tag_id < 1 << 63
        judge_text(series)
        assert len(series.times) == len(series.values) > 0
        assert all(type(second) is int for second in series.times)
        assert all(a < b for a, b in zip(series.times, series.times[1:], strict=False))
        for value in series.values:
            assert _DECIMAL.fullmatch(value) or value == "-0", value
    assert converted.rows == sum(len(series.times) for series in converted.series)
    assert converted.dropped.total() >= 0


def judge_text(series: Series) -> None:
    """Raise AssertionError for a tag that text and jsonb of PostgreSQL cannot hold."""
    for key, value in series.tags.items():
        assert key
        assert value
        assert "\0" not in key + value
        # Half of a surrogate pair cannot be encoded.
        assert (key + value).encode().decode() == key + value


def fnv(tags: dict[str, str]) -> int:
    """Return FNV-1a 64 as its authors write it, signed."""
    fields = [part for key in sorted(tags, key=str.encode) for part in (key, tags[key])]
    octets = b"".join(part.encode() + b"\0" for part in fields)
    digest = reduce(
        lambda h, octet: (h ^ octet) * 1099511628211 % 2**64, octets, 14695981039346656037
    )
    return digest - 2**64 if digest >= 2**63 else digest
