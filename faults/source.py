"""A real Prometheus with a short past and no present."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from promtsdb_dagster.core.windows import floor
from promtsdb_dagster.errors import StackError
from promtsdb_dagster.localstack.binaries import find_program
from promtsdb_dagster.localstack.history import HistoryPlan, write_blocks
from promtsdb_dagster.localstack.ports import free_port
from promtsdb_dagster.localstack.processes import Identity, alive, stop
from promtsdb_dagster.localstack.prometheus import Prometheus

DAY = timedelta(days=1)
_KILL = ((Prometheus.stop_signals[1]),)


@dataclass(frozen=True)
class Times:
    """When history begins, where gauges by the hour end, when today begins, and what now is."""

    start: datetime
    boundary: datetime
    midnight: datetime
    now: datetime


def times() -> Times:
    """Return a history of two whole days and an hour, which ended yesterday.

    Yesterday, so that nothing lies in the future whatever the time of day is.
    """
    midnight = floor(datetime.now(timezone.utc), DAY) - DAY
    now = midnight + timedelta(hours=1, minutes=10, seconds=20)
    return Times(midnight - 2 * DAY, midnight - DAY, midnight, now)


@dataclass(frozen=True)
class _Later(HistoryPlan):
    """A past of which the first part is not kept; unix seconds."""

    since: int = 0

    @property
    def start(self) -> int:
        """Return the instant of the oldest sample that is kept."""
        return max(super().start, -(-self.since // self.coarse_seconds) * self.coarse_seconds)


class Source:
    """One Prometheus below a folder; its port stays the same."""

    def __init__(self, folder: Path, when: Times) -> None:
        """Choose a port; nothing runs before `start`."""
        self.times = when
        self.port = free_port()
        self.folder = folder
        self._process: Identity | None = None
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "empty.yml"
        config.write_text("global: {}\n", encoding="utf-8")
        self._server = Prometheus(folder, folder / "prometheus.log", config)

    @property
    def url(self) -> str:
        """Return its base URL."""
        return f"http://127.0.0.1:{self.port}"

    def make(self, since: datetime | None = None) -> None:
        """Write its past: samples a minute apart, with the sample network's own gaps.

        With `since` the same samples, but none from before.
        """
        end = self.times.midnight + timedelta(hours=8)
        plan = _Later(
            now=int(end.timestamp()),
            # A day more than is asked for: averages reach back.
            days=(end - self.times.start + DAY / 4) / DAY,
            coarse_seconds=60,
            dense_seconds=60,
            dense_hours=1,
            since=int(since.timestamp()) if since else 0,
        )
        promtool = find_program("promtool")
        if promtool is None:
            raise StackError("promtool is not on the PATH; `sudo apt-get install prometheus`")
        write_blocks(plan, self.folder / "tsdb" / "data", promtool)

    def start(self) -> None:
        """Start it and wait until it answers; safe to repeat."""
        if self._process is None or not alive(self._process):
            self._process = self._server.start(self.port, {"exporter": free_port()})

    def stop(self) -> None:
        """Stop it in order."""
        if self._process is not None:
            stop(self._process, self._server.stop_signals)
            self._process = None

    def kill(self) -> None:
        """Kill it."""
        if self._process is not None:
            stop(self._process, _KILL)
            self._process = None
