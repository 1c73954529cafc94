"""The picture shows each hour where it belongs, in colours that stay apart."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from io import BytesIO
from itertools import combinations, pairwise

import pytest
from PIL import Image, ImageColor

from promtsdb_dagster.adapters import coverage_layout as at
from promtsdb_dagster.adapters.coverage_layout import Layout, Look, stacked
from promtsdb_dagster.adapters.coverage_picture import draw, percent
from promtsdb_dagster.commands.coverage import bar_of, coverage_table
from promtsdb_dagster.core import windows as w
from promtsdb_dagster.core.coverage import HOUR, NOWHERE, Coverage, Kind, Row, State, columns
from promtsdb_dagster.core.windows import Window, parse_instant

START = parse_instant("2026-10-31")
SPAN = Window(START, START + 40 * HOUR)
MINUTE, QUARTER = timedelta(minutes=1), timedelta(minutes=15)
KINDS: dict[Look, Kind] = {
    at.MINUTES: (State.STORED, MINUTE),
    at.QUARTERS: (State.STORED, QUARTER),
    at.HOURS: (State.STORED, HOUR),
    at.ANY: (State.STORED, None),
    at.MISSING: (State.MISSING, None),
    at.UNKNOWN: (State.UNKNOWN, None),
    at.ABSENT: (State.ABSENT, None),
    at.EXPIRED: (State.EXPIRED, None),
}


def whole(look: Look) -> Row:
    """Return a metric of which all hours are alike."""
    return Row("common", look.words, tuple(Counter({KINDS[look]: 1}) for _ in range(40)))


@pytest.fixture(scope="module")
def coverage() -> Coverage:
    rows = tuple(whole(look) for look in at.LOOKS)
    half = Counter({KINDS[at.MINUTES]: 1, KINDS[at.ABSENT]: 1})
    rows += (Row(NOWHERE, "half", (half,) * 40, 7),)
    return Coverage(SPAN, tuple(w.split(SPAN, HOUR)), rows, ("a remark " * 40,))


def test_each_kind_of_hour_has_its_colours_in_its_cells(coverage: Coverage) -> None:
    image = Image.open(BytesIO(draw(coverage))).convert("RGB")
    layout = Layout(coverage)
    assert image.size == (layout.width, layout.height)
    for look in at.LOOKS:
        for column in (0, 17, 39):
            x, y = layout.place(look.words, column, "common")
            cell = image.crop((x + 1, y, x + layout.cell - 1, y + at.ROW))
            colours = {colour for _, colour in cell.getcolors(1000) or []}
            assert colours == {ImageColor.getrgb(c) for c in (look.colour, look.ink) if c}, look


def test_the_words_at_the_top_stay_inside_the_picture(coverage: Coverage) -> None:
    """All looks at once need two lines."""
    image = Image.open(BytesIO(draw(coverage))).convert("RGB")
    band = (image.width - at.MARGIN + 1, 0, image.width, at.TOP - 10)
    assert [colour for _, colour in image.crop(band).getcolors() or []] == [(255, 255, 255)]


def test_a_cell_fills_as_its_hours_do(coverage: Coverage) -> None:
    image = Image.open(BytesIO(draw(coverage))).convert("RGB")
    x, y = Layout(coverage).place("half", 20, NOWHERE)
    stored = ImageColor.getrgb(at.MINUTES.colour)
    column = [image.getpixel((x + 2, y + row)) for row in range(at.ROW)]
    assert [pixel == stored for pixel in column] == [False] * 8 + [True] * 8


def test_what_is_missing_is_seen_however_little_it_is() -> None:
    cell: Counter[Kind] = Counter({KINDS[at.MINUTES]: 167, KINDS[at.MISSING]: 1})
    heights = dict(stacked(cell))
    assert heights[at.MISSING] >= 3
    assert sum(heights.values()) == at.ROW
    row = Row("common", "x", (*[Counter({KINDS[at.MINUTES]: 1})] * 319, cell))
    assert bar_of(row).plain == "█" * 31 + "!"


def luminance(colour: str) -> float:
    red, green, blue = ((part / 255) ** 2.2 for part in ImageColor.getrgb(colour)[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_looks_stay_apart_without_colour() -> None:
    """By WCAG's contrast of 1.4 at least, or by a pattern that only one of the two has."""
    for one, other in combinations(at.LOOKS, 2):
        dark, pale = sorted(map(luminance, (one.colour, other.colour)))
        contrast = (pale + 0.05) / (dark + 0.05)
        assert contrast > 1.4 or one.pattern != other.pattern, (one, other)


def test_a_share_never_looks_whole_that_is_not() -> None:
    shares = [None, 0, 0.00001, 0.5, 0.99999, 1]
    assert [percent(share) for share in shares] == ["", "0%", "0.1%", "50.0%", "99.9%", "100%"]


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (2, ["1 Nov"]),
        (40, ["1 Nov", "1 Dec"]),
        (400, ["Jan 2027"]),
        (1300, ["Jan 2028", "Jan 2029"]),
    ],
)
def test_the_axis_names_months_and_years(days: int, expected: list[str]) -> None:
    span = Window(START, START + timedelta(days=days))
    layout = Layout(Coverage(span, columns(span, at.MOST_COLUMNS), ()))
    ticks = layout.ticks()
    words = [word for _, word, _ in ticks]
    assert set(expected) <= set(words)
    places = [place for place, _, _ in ticks]
    assert all(later - earlier >= 60 for earlier, later in pairwise(places))
    assert layout.right <= layout.width


def test_a_picture_of_nothing_can_be_drawn() -> None:
    hour = Window(START, START + HOUR)
    nothing = Coverage(hour, (hour,), ())
    assert draw(nothing).startswith(b"\x89PNG")
    assert coverage_table(nothing).row_count == 0
