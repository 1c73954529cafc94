"""Write the past of the imaginary network into a Prometheus data folder.

Deterministic: the plan says everything, `now` included. Two resolutions: coarse for the old part,
dense for the last hours. Real gaps: one outage of everything, a second short one in the dense
part, one machine down for hours, one that disappears for good, two that only come later.
"""

from __future__ import annotations

import json
import subprocess
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from promtsdb_dagster.errors import StackError
from promtsdb_dagster.localstack.fleet import fleet
from promtsdb_dagster.localstack.shapes import Labels, SourceSeries
from promtsdb_dagster.localstack.waves import Instants

DAY = 86_400
HOUR = 3_600
# The largest block that Prometheus would compact to by itself (2h * 3^5 < 31 days): one text
# file for each lets promtool read the text twice instead of once for every 2 hours.
BLOCK_SECONDS = 486 * HOUR


@dataclass(frozen=True)
class HistoryPlan:
    """What the past looks like; `now` in unix seconds, where the past ends."""

    now: int
    days: float = 64
    seed: int = 7
    coarse_seconds: int = 300
    dense_seconds: int = 30
    dense_hours: float = 26

    @property
    def end(self) -> int:
        """Return the instant of the newest sample."""
        return self.now // self.dense_seconds * self.dense_seconds

    @property
    def start(self) -> int:
        """Return the instant of the oldest sample."""
        oldest = self.now - int(self.days * DAY)
        return -(-oldest // self.coarse_seconds) * self.coarse_seconds

    @property
    def gaps(self) -> tuple[tuple[int, int], ...]:
        """Return when nothing at all was recorded, half-open."""
        outage = self.now - int(self.days * 0.4 * DAY) + 137
        short = self.now - int(min(5.0, self.days * 8) * HOUR) - 41
        return ((outage, outage + 3 * HOUR), (short, short + 40 * 60))

    def absent(self, series: SourceSeries) -> tuple[tuple[int, int], ...]:
        """Return when `series` has no samples, half-open."""
        absent = list(self.gaps)
        if series.late:
            absent.append((0, self.now - int(self.days * 0.55 * DAY)))
        if series.gone:
            absent.append((self.now - int(self.days * 0.25 * DAY), 2**62))
        if series.broken:
            down = self.now - int(self.days * 0.15 * DAY)
            absent.append((down, down + 7 * HOUR))
        return tuple(absent)

    def instants(self) -> list[int]:
        """Return the instants of all samples, oldest first."""
        dense = max(self.start, self.now - int(self.dense_hours * HOUR))
        border = -(-dense // self.coarse_seconds) * self.coarse_seconds
        return [
            *range(self.start, border, self.coarse_seconds),
            *range(border, self.end + 1, self.dense_seconds),
        ]

    def save(self, path: Path) -> None:
        """Write the plan for the exporter, which goes on from it."""
        path.write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> HistoryPlan:
        """Read what `save` wrote; raise StackError when it is not that."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise StackError(
                f"{path} does not say how the sample history was made: {error}; "
                "remove the folder that holds it and start the stack again"
            ) from error


def write_blocks(
    plan: HistoryPlan,
    folder: Path,
    promtool: Path,
    report: Callable[[str], None] = lambda _: None,
) -> int:
    """Create Prometheus blocks in `folder`, return the number of samples.

    Raises StackError with promtool's words.
    """
    folder.mkdir(parents=True, exist_ok=True)
    times = plan.instants()
    series = list(fleet())
    edges = sorted({t // BLOCK_SECONDS for t in (times[0], times[-1])})
    running: subprocess.Popen[str] | None = None
    samples = 0
    try:
        for number in range(edges[0], edges[-1] + 1):
            first = bisect_left(times, number * BLOCK_SECONDS)
            last = bisect_left(times, (number + 1) * BLOCK_SECONDS)
            text = folder / f"history-{number}.txt"
            with text.open("w", encoding="utf-8") as file:
                samples += write_openmetrics(plan, series, times[first:last], file)
            report(f"history: {samples} samples written")
            # promtool works on one part while the next one is being written.
            if running:
                _finish(running)
            running = _start_promtool(promtool, text, folder)
        if running:
            _finish(running)
    finally:
        if running and running.poll() is None:
            running.kill()
            running.communicate()
        for text in folder.glob("history-*.txt"):
            text.unlink()
    return samples


def _start_promtool(promtool: Path, text: Path, folder: Path) -> subprocess.Popen[str]:
    command = [str(promtool), "tsdb", "create-blocks-from", "--quiet"]
    command += [f"--max-block-duration={BLOCK_SECONDS // HOUR}h", "openmetrics"]
    return subprocess.Popen(
        [*command, str(text), str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _finish(process: subprocess.Popen[str]) -> None:
    output, _ = process.communicate()
    if process.returncode != 0:
        raise StackError(
            f"promtool could not make the sample history (exit status {process.returncode}): "
            f"{output.strip()[-800:]!r}; is promtool the one of Prometheus >= 2.42?"
        )


def write_openmetrics(
    plan: HistoryPlan, series: list[SourceSeries], times: list[int], file: TextIO
) -> int:
    """Write the samples of `series` at `times` as OpenMetrics text, return their number."""
    instants = Instants.at(times, plan.seed)
    count = 0
    name = ""
    for one in sorted(series, key=lambda each: each.name):
        if one.name != name:
            name = one.name
            file.write(f"# TYPE {name} gauge\n")
        for first, last in present(times, plan.absent(one)):
            part = instants.part(first, last)
            at = iter(part.times)
            for extra, values in one.shape.runs(part):
                prefix = series_text(one.name, one.labels + extra)
                # `values` leads: zip must not swallow an instant of the next run.
                file.write("".join([f"{prefix} {v} {t}\n" for v, t in zip(values, at)]))  # noqa: B905
                count += len(values)
    file.write("# EOF\n")
    return count


def present(times: list[int], absent: tuple[tuple[int, int], ...]) -> Iterator[tuple[int, int]]:
    """Yield index ranges [first, last) of `times` outside of the half-open `absent` ranges."""
    at = 0
    for start, end in sorted(absent):
        first, last = bisect_left(times, start), bisect_left(times, end)
        if at < first:
            yield at, first
        at = max(at, last)
    if at < len(times):
        yield at, len(times)


def series_text(name: str, labels: Labels) -> str:
    """Return a series as the exposition format writes it."""
    text = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels)
    return f"{name}{{{text}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
