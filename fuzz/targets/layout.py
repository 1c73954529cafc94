"""Series become the lines of a COPY: every row once, in the order of time, as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fuzz.strategies import QUIET
from promtsdb_dagster.adapters.copying import copy_rows, span_of
from promtsdb_dagster.core.samples import Converted, Series
from promtsdb_dagster.core.windows import EPOCH, Window

_UNESCAPED = {"\\": "\\", "t": "\t", "n": "\n", "r": "\r"}
# From before 1970 to 9999, and a few that lie side by side.
_SECONDS = st.one_of(st.integers(0, 12), st.integers(-(10**9), 253_402_300_798))
_TIMES = st.sets(_SECONDS, max_size=13).map(sorted)
_SHARED = st.lists(_TIMES, min_size=1, max_size=3)
_NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)


class _Cursor:
    """Stand for psycopg's cursor and its copy."""

    def __init__(self) -> None:
        self.text = ""

    @contextmanager
    def cursor(self) -> Iterator[_Cursor]:
        yield self

    @contextmanager
    def copy(self, _: object) -> Iterator[_Cursor]:
        yield self

    def write(self, text: str) -> None:
        self.text += text


@QUIET
@given(_SHARED, st.lists(st.tuples(st.integers(0, 2), _NAMES, _NAMES), max_size=5), st.booleans())
def every_row_is_copied_once(
    grids: list[list[int]], members: list[tuple[int, str, str]], with_task: bool
) -> None:
    """Read the text back as PostgreSQL does."""
    series = [
        # Some series share one list, others have an equal one.
        Series(name, schema, n - 2, {}, grid if n % 2 else list(grid), [f"{n}.{s}" for s in grid])
        for n, (choice, name, schema) in enumerate(members)
        for grid in [grids[choice % len(grids)]]
    ]
    parts: Any = [(None, Converted([one])) for one in series]
    cursor: Any = _Cursor()

    assert copy_rows(cursor, "", parts, with_task=with_task) == sum(
        len(one.times) for one in series
    )

    lines = [_fields(line) for line in cursor.text.split("\n")[:-1]]
    rows = [line[1:] if with_task else line for line in lines]
    assert sorted(rows) == sorted(
        [_instant(second), str(one.tag_id), one.name, one.schema, value]
        for one in series
        for second, value in zip(one.times, one.values, strict=True)
    )
    if with_task:
        assert all(int(line[0]) == int(line[2]) + 2 for line in lines)
    instants = [datetime.fromisoformat(row[0] + ":00") for row in rows]
    assert instants == sorted(instants)
    assert span_of(parts) == _span(instants)


def _fields(line: str) -> list[str]:
    fields = []
    for field in line.split("\t"):
        parts = iter(field)
        fields.append("".join(_UNESCAPED[next(parts)] if c == "\\" else c for c in parts))
    return fields


def _instant(second: int) -> str:
    return f"{EPOCH + timedelta(seconds=second):%Y-%m-%d %H:%M:%S}+00".rjust(22, "0")


def _span(instants: list[datetime]) -> Window | None:
    return Window(instants[0], instants[-1] + timedelta(microseconds=1)) if instants else None


def check(data: bytes) -> object:
    """Give the bytes to Hypothesis."""
    return every_row_is_copied_once.hypothesis.fuzz_one_input(data)  # type: ignore[attr-defined]
