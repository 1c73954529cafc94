"""Choose what of the results becomes a picture of the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.drawing import Chart, draw
from bench.results import Result
from bench.world import ANY

_SERIES = {"postgresql": "PostgreSQL", "timescaledb": "TimescaleDB", ANY: "both"}


@dataclass(frozen=True)
class Picture:
    """Results of one topic in one unit, a row each; `only` are words of which a name has one."""

    file: str
    title: str
    topic: str
    unit: str
    only: tuple[str, ...] = ()
    line: float | None = None
    logarithmic: bool = False

    def chart(self, results: Sequence[Result]) -> Chart | None:
        """Return the chart, or None when nothing was measured for it."""
        rows: dict[str, dict[str, float]] = {}
        for each in results:
            if each.topic == self.topic and each.unit == self.unit and self._wants(each.name):
                rows.setdefault(each.name, {})[_SERIES[each.engine]] = each.value
        return Chart(self.title, self.unit, rows, self.line, self.logarithmic) if rows else None

    def _wants(self, name: str) -> bool:
        return not self.only or any(word in name for word in self.only)


PICTURES: tuple[Picture, ...] = ()


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
