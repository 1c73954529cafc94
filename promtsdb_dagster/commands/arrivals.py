"""Say whether live rows come, which Dagster has no part in."""

from __future__ import annotations

import time
from collections.abc import Callable

from promtsdb_dagster.commands.environment import Site
from promtsdb_dagster.defs.reporting import counted

# What lies between Prometheus and the staging tables.
_ROAD = ("vmalert", "telegraf")
# vmalert evaluates each minute; the first minute may have been before the tables were there.
_PATIENCE_SECONDS = 60.0
_POLL_SECONDS = 1.0


class Arrivals:
    """Watch the staging tables of a site from now on."""

    def __init__(self, site: Site) -> None:
        services = site.installation.services()
        self._inventory = site.installation.inventory()
        self._absent = [name for name in _ROAD if not services.health(name).configured]
        self._before = self._inventory.arrived()

    def sentence(self, waiting: Callable[[], None]) -> str:
        """Return whether rows have come; call `waiting`, and wait a minute at most, if not yet."""
        if self._absent:
            return f"no live rows come here, as {' and '.join(self._absent)} is not there"
        deadline = time.monotonic() + _PATIENCE_SECONDS
        asked = False
        while not (rows := self._inventory.arrived() - self._before):
            if time.monotonic() > deadline:
                return (
                    "no live row has come since the start, wanted some each minute; "
                    "the logs of vmalert and Telegraf say why"
                )
            if not asked:
                waiting()
                asked = True
            time.sleep(_POLL_SECONDS)
        return f"live rows come: {counted(rows, 'row')} since the start, by vmalert and Telegraf"
