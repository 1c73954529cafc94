"""What a topic is given: how much to do, and databases to do it in."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from bench.servers import Server, Servers

ANY = "any"
T = TypeVar("T")


class Skipped(Exception):
    """A topic cannot run here; its text is the reason, which is printed."""


@dataclass(frozen=True)
class Size:
    """How much to do. `topic_seconds` is what a topic may take on one engine."""

    name: str
    rounds: int
    weeks: int
    metrics: int
    topic_seconds: float

    def pick(self, *, quick: T, full: T) -> T:
        """Return a topic's own number for this size."""
        return full if self is FULL else quick


QUICK = Size("quick", rounds=3, weeks=4, metrics=10, topic_seconds=10)
FULL = Size("full", rounds=5, weeks=52, metrics=57, topic_seconds=90)
SIZES = {size.name: size for size in (QUICK, FULL)}


@dataclass
class Bench:
    """One run of one topic on one engine; its databases are dropped when it ends."""

    size: Size
    engine: str
    rounds: int
    seed: int
    servers: Servers
    say: Callable[[str], None]
    _made: list[str] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)

    @property
    def seconds_left(self) -> float:
        """Return what is left of the topic's time budget; below zero when it is used up."""
        return self.size.topic_seconds - (time.monotonic() - self._began)

    @property
    def server(self) -> Server:
        """Return the server of this engine, which starts at first use."""
        return self.servers.running(self.engine)

    def new_database(self) -> str:
        """Return the owner's URL of a new database with every migration applied."""
        return self._remember(self.server.migrated_url())

    def empty_database(self) -> str:
        """Return the owner's URL of a new, empty database."""
        return self._remember(self.server.empty_url())

    def admin_url(self, url: str) -> str:
        """Return the superuser's URL of the same database."""
        return self.server.admin_url(url.rsplit("/", 1)[1])

    def drop(self, url: str) -> None:
        """Drop a database that is no longer needed, whoever is connected."""
        self._made.remove(url)
        self.server.drop(url)

    def clean_up(self) -> None:
        """Drop what the topic left."""
        for url in list(self._made):
            self.drop(url)

    def _remember(self, url: str) -> str:
        self._made.append(url)
        return url
