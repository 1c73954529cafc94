"""Pictures are the same for the same results, small, and of what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("matplotlib", reason="matplotlib is not installed: extra `bench`")

from bench import pictures
from bench.drawing import Chart, draw
from bench.pictures import PICTURES, Picture
from bench.results import told
from bench.topics import TOPICS

CHART = Chart("Title", "ratio", {"one": {"A": 1.0, "B": 0.2}, "two": {"B": 30.0}}, 0.22, True)
RESULTS = [
    told("writing.first", "postgresql", 0.5, unit="of COPY"),
    told("writing.first", "timescaledb", 0.4, unit="of COPY"),
    told("writing.all_again", "timescaledb", 0.1, unit="of COPY"),
    told("staging.first", "timescaledb", 7, unit="of COPY"),
]


def test_drawing_again_gives_the_same_file() -> None:
    picture = draw(CHART)
    assert draw(CHART) == picture
    assert b"<svg" in picture
    assert len(picture) < 100_000
    for told_of_the_day in (b"<dc:date", b"matplotlib v"):
        assert told_of_the_day.lower() not in picture.lower()


def test_a_picture_shows_what_fits_its_names() -> None:
    chart = Picture("a.svg", "T", ("writing.*",), "of COPY").chart(RESULTS)
    assert chart is not None
    assert chart.bars == {
        "writing: first": {"PostgreSQL": 0.5, "TimescaleDB": 0.4},
        "writing: all again": {"TimescaleDB": 0.1},
    }
    one = Picture("a.svg", "T", ("writing.first", "storage.*"), "share").chart(RESULTS)
    assert one is not None
    assert list(one.bars) == ["writing: first"]


def test_a_picture_without_results_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Picture("known.svg", "T", ("writing.*",), "of COPY")
    unknown = Picture("unknown.svg", "T", ("storage.*",), "hours")
    monkeypatch.setattr(pictures, "PICTURES", (known, unknown))
    (tmp_path / "unknown.svg").write_text("before")
    assert pictures.draw_all(RESULTS, tmp_path) == ["unknown.svg"]
    assert (tmp_path / "unknown.svg").read_text() == "before"
    assert b"<svg" in (tmp_path / "known.svg").read_bytes()


def test_every_picture_is_of_a_topic() -> None:
    named = {name.split(".")[0] for picture in PICTURES for name in picture.names}
    assert named <= {topic.name for topic in TOPICS}
    assert len({picture.file for picture in PICTURES}) == len(PICTURES)
