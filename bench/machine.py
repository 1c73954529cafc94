"""What the numbers depend on, without saying whose machine it is."""

from __future__ import annotations

import os
import platform
from functools import cache

from bench.servers import Servers
from bench.world import ANY


class Machine:
    """The facts of this machine, and of the server of each engine."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._versions: dict[str, dict[str, object]] = {}

    def facts(self, engine: str) -> dict[str, object]:
        """Return cores, memory, and versions of what takes part."""
        if engine == ANY:
            return _here()
        if engine not in self._versions:
            self._versions[engine] = self._servers.running(engine).versions()
        return {**_here(), **self._versions[engine]}


@cache
def _here() -> dict[str, object]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gb": round(memory / 2**30),
        "python": platform.python_version(),
    }
