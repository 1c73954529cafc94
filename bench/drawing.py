"""Draw bars as SVG; the same numbers always give the same file."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.table import number

_COLOURS = ("#2f6f9f", "#d98032", "#6a9a4b", "#8a6bb0")
_TEXT = "#333333"
_WIDTH_INCHES = 8.0
# The type of its keys differs between releases.
_STYLE: Any = {
    # Else every file would have identifiers made at random.
    "svg.hashsalt": "promtsdb",
    # Text stays text: small files, and the reader's fonts.
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.edgecolor": "#999999",
    "text.color": _TEXT,
    "axes.labelcolor": _TEXT,
    "xtick.color": _TEXT,
    "ytick.color": _TEXT,
}


@dataclass(frozen=True)
class Chart:
    """Bars by row and then by series; `line` is where the target is."""

    title: str
    unit: str
    bars: Mapping[str, Mapping[str, float]]
    line: float | None = None
    logarithmic: bool = False

    @property
    def series(self) -> list[str]:
        """Return the series in the order they were first named."""
        return list(dict.fromkeys(name for row in self.bars.values() for name in row))


def draw(chart: Chart) -> bytes:
    """Return the picture as an SVG file."""
    with mpl.rc_context(_STYLE):
        series = chart.series
        rows = list(chart.bars)
        figure = Figure(figsize=(_WIDTH_INCHES, 1.1 + 0.2 * len(rows) * (len(series) + 0.6)))
        axes = figure.add_subplot()
        thick = 0.8 / len(series)
        for index, name in enumerate(series):
            places = [row - 0.4 + thick * (index + 0.5) for row in range(len(rows))]
            values = [chart.bars[row].get(name, 0.0) for row in rows]
            bars = axes.barh(places, values, thick * 0.92, color=_COLOURS[index % 4], label=name)
            labels = [number(value) if name in chart.bars[row] else ""
                      for row, value in zip(rows, values, strict=True)]  # fmt: skip
            axes.bar_label(bars, labels, padding=3, fontsize=8)
        axes.set_yticks(range(len(rows)), rows)
        axes.invert_yaxis()
        axes.tick_params(axis="y", length=0)
        if chart.logarithmic:
            axes.set_xscale("log")
        axes.margins(x=0.12)
        if chart.line is not None:
            axes.axvline(chart.line, color="#b03030", linewidth=1.2, linestyle="--", label="target")
        axes.set_xlabel(chart.unit)
        axes.set_title(chart.title, loc="left", fontsize=11, pad=22)
        axes.spines[["top", "right", "left"]].set_visible(False)
        _legend(axes, len(series))
        return _svg(figure)


def _legend(axes: mpl.axes.Axes, columns: int) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if len(labels) > 1:
        axes.legend(
            handles, labels, loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=columns + 1,
            frameon=False, borderaxespad=0.2,
        )  # fmt: skip


def _svg(figure: Figure) -> bytes:
    sink = io.BytesIO()
    # Neither the day nor the version of the program that drew it.
    nothing = {"Date": None, "Creator": None}
    figure.savefig(sink, format="svg", bbox_inches="tight", metadata=nothing, facecolor="white")
    return sink.getvalue()
