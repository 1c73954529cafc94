"""Choose what of the results becomes a picture of the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from bench.drawing import Chart, draw
from bench.results import Result
from bench.words import title
from bench.world import ANY

_SERIES = {"postgresql": "PostgreSQL", "timescaledb": "TimescaleDB", ANY: "either"}


@dataclass(frozen=True)
class Picture:
    """Results, a row each, whose names fit one of the patterns; `unit` is what the axis says."""

    file: str
    title: str
    names: tuple[str, ...]
    unit: str
    line: float | None = None
    logarithmic: bool = False

    def chart(self, results: Sequence[Result]) -> Chart | None:
        """Return the chart, or None when nothing was measured for it."""
        rows: dict[str, dict[str, float]] = {}
        for each in results:
            if any(fnmatchcase(each.name, one) for one in self.names):
                rows.setdefault(title(each.name), {})[_SERIES[each.engine]] = each.value
        return Chart(self.title, self.unit, rows, self.line, self.logarithmic) if rows else None


PICTURES = (
    Picture(
        "writing.svg",
        "Rows a second, as a share of what COPY into an unlogged table takes",
        ("writing.empty", "writing.partly", "writing.copy_only", "writing.old_way"),
        "of limit",
    ),
    Picture(
        "predecessor.svg",
        "How many times as fast as the predecessor",
        ("history.against_predecessor", "staging.live", "staging.old", "api.faster.*"),
        "times",
        logarithmic=True,
    ),
    Picture(
        "api.svg",
        "The slowest of the API's functions over a year, in the database",
        ("api.*.p95",),
        "p95, ms",
        logarithmic=True,
    ),
    Picture(
        "flat.svg",
        "Four times the history: how many times as long the API takes",
        ("api.*.4x_history",),
        "times",
        line=1.5,
    ),
    Picture("memory.svg", "Most memory of a backfill run", ("memory.*",), "MB", line=400),
)


def draw_all(results: Sequence[Result], folder: Path) -> list[str]:
    """Write each picture that has results; return the names of the others, which stay."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = []
    for picture in PICTURES:
        chart = picture.chart(results)
        if chart is None:
            missing.append(picture.file)
        else:
            (folder / picture.file).write_bytes(draw(chart))
    return missing
