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
    """Results in one unit, a row each, whose names fit one of the patterns."""

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
            if each.unit == self.unit and any(fnmatchcase(each.name, one) for one in self.names):
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
        "staging.svg",
        "Live batches through staging: how many times as fast as the predecessor",
        ("staging.*",),
        "times",
    ),
    Picture(
        "history.svg",
        "From Prometheus to refreshed aggregates: how many times as fast as the old way",
        ("history.against_predecessor",),
        "times",
        line=10,
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
