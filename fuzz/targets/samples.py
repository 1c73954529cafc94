"""Answers of the right shape: each sample becomes the row that it says, or is counted."""

from __future__ import annotations

import math
from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fuzz.judging import fnv, judge_rows
from fuzz.strategies import QUIET, labels, numbers
from promtsdb_dagster.core.decimals import are_plain, plain_decimal
from promtsdb_dagster.core.rules import Rule
from promtsdb_dagster.core.samples import Routing, convert
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.errors import RuleError, SourceIncomplete

_STEP = timedelta(minutes=15)
_START = datetime(2026, 1, 1, tzinfo=timezone.utc)
_WINDOW = Window(_START, _START + 6 * _STEP)
_GRID = [int(_START.timestamp()) + n * 900 for n in range(6)]

# Now and then off the grid, doubled or out of order.
_INSTANTS = st.one_of(
    st.lists(st.sampled_from(_GRID), unique=True).map(sorted),
    st.lists(
        st.sampled_from([*_GRID, _GRID[0] - 900, _GRID[1] + 1, _GRID[2] + 0.5, _GRID[5] + 900])
    ),
)
_ITEMS = st.lists(st.tuples(labels(), _INSTANTS, st.lists(numbers(), min_size=6)), max_size=4)


@QUIET
@given(_ITEMS, labels(), st.sampled_from(["Up", "place", "sent"]))
def rows_are_the_samples(
    items: list[tuple[dict[str, str], list[float], list[str]]], extra: dict[str, str], record: str
) -> None:
    """Compare with what the contract says, spelled out anew."""
    rule = Rule("g", record, "up", extra, "f.yaml", 1)
    routing = Routing(frozenset({"place"}), frozenset({"sent"}))
    answer: list[dict[str, Any]] = [
        {"metric": metric, "values": [list(pair) for pair in zip(instants, values, strict=False)]}
        for metric, instants, values in items
    ]
    name = record.lower()
    wanted = [_tags(item["metric"], extra, name) for item in answer]
    good = all(
        sample[0] in _GRID and (n == 0 or item["values"][n - 1][0] < sample[0])
        for item in answer
        for n, sample in enumerate(item["values"])
    )
    alone = len({tuple(sorted(tags.items())) for tags in _bare(answer, extra)}) == len(answer)
    try:
        got = convert(rule, answer, window=_WINDOW, step=_STEP, routing=routing)
    except RuleError:
        assert not alone
        return
    except SourceIncomplete:
        assert not good
        return
    assert good
    assert alone
    judge_rows(got, name)
    _compare(got.series, [(t, i) for t, i in zip(wanted, answer, strict=True)], got.dropped, name)


def _compare(series: Any, given_items: Any, dropped: Counter[tuple[str, int]], name: str) -> None:
    left = iter(series)
    counted: Counter[tuple[str, int]] = Counter()
    for tags, item in given_items:
        rows = []
        for second, text in item["values"]:
            number = float(text)
            if math.isfinite(number):
                rows.append((second, number))
            else:
                counted["NaN" if math.isnan(number) else "infinite", second] += 1
        if not rows:
            continue
        one = next(left)
        assert one.tag_id == fnv(tags)
        assert dict(one.tags) == {_plain(k): _plain(v) for k, v in tags.items()}
        stored = [
            (second, float(value)) for second, value in zip(one.times, one.values, strict=True)
        ]
        assert stored == rows
        tier = tags.get("manifest_tier")
        common = tier if tier in ("mainnet", "testnet") else "common"
        assert one.schema == {"place": "geo", "sent": "cumsum"}.get(name, common)
    assert next(left, None) is None
    assert counted == dropped


def _bare(answer: list[dict[str, Any]], extra: dict[str, str]) -> list[dict[str, str]]:
    merged = [{**item["metric"], **extra} for item in answer]
    return [{k: v for k, v in one.items() if v and k != "__name__"} for one in merged]


def _tags(metric: dict[str, str], extra: dict[str, str], name: str) -> dict[str, str]:
    [bare] = _bare([{"metric": metric}], extra)
    return {"host": "telegraf", **bare, "tli_name": name}


def _plain(text: str) -> str:
    return text.replace("\0", "\ufffd")


@QUIET
@given(
    st.lists(st.one_of(numbers(), st.text("0123456789.-+eE_ naif\u0661", max_size=30)), max_size=5)
)
def decimals_read_back(texts: list[str]) -> None:
    """A decimal reads back as the same float64, and no shorter one does."""
    expected: list[str | None] = []
    for text in texts:
        try:
            found = plain_decimal(text)
        except ValueError:
            expected.append(None)
            continue
        number = float(text)
        expected.append(found)
        if found is None:
            assert not math.isfinite(number)
            continue
        assert float(found) == number
        assert "e" not in found
        assert not found.endswith(".0")
        assert len(found.strip("-").replace(".", "").strip("0")) <= 17
    if are_plain(texts):
        assert texts == expected


def check(data: bytes) -> None:
    """Give the bytes to both."""
    rows_are_the_samples.hypothesis.fuzz_one_input(data)  # type: ignore[attr-defined]
    decimals_read_back.hypothesis.fuzz_one_input(data)  # type: ignore[attr-defined]
