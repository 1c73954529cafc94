"""Serve the imaginary network's present, going on from its sample history."""

from __future__ import annotations

import argparse
import signal
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

from promtsdb_dagster.localstack.fleet import fleet
from promtsdb_dagster.localstack.history import HistoryPlan
from promtsdb_dagster.localstack.waves import Instants


class Fleet(Collector):
    """Give every series that exists now its value of now."""

    def __init__(self, plan: HistoryPlan) -> None:
        self._plan = plan
        self._series = sorted(fleet(), key=lambda each: each.name)

    def at(self, now: int) -> list[GaugeMetricFamily]:
        """Return the families with their samples at `now` (unix seconds)."""
        instants = Instants.at([now], self._plan.seed)
        families: dict[str, GaugeMetricFamily] = {}
        for one in self._series:
            # The gaps of the past end at the plan's `now`; what is gone for good stays away.
            if any(start <= now < end for start, end in self._plan.absent(one)):
                continue
            family = families.setdefault(one.name, GaugeMetricFamily(one.name, "sample data"))
            for extra, values in one.shape.runs(instants):
                family.add_sample(one.name, dict(one.labels + extra), float(values[0]))
        return list(families.values())

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return the families as of now."""
        return self.at(int(time.time()))

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Return nothing, so that registering does not collect."""
        return []


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--history", type=Path, required=True, help="the plan of the history")
    arguments = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    registry = CollectorRegistry()
    registry.register(Fleet(HistoryPlan.load(arguments.history)))
    server, thread = start_http_server(arguments.port, addr=arguments.host, registry=registry)
    stop.wait()
    server.shutdown()
    server.server_close()
    thread.join()


if __name__ == "__main__":
    main()
