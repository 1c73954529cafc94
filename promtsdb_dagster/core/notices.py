"""What people are told, and who tells them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

_FIRST_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(minutes=15)
_MOST_DOUBLINGS = 10
_SAID = {
    "red": "turned red at",
    "warning": "only warns now, was red since",
    "right": "is right again, was red since",
    "tried": "was run at",
}


@dataclass(frozen=True)
class Notice:
    """Hold one thing that people should know.

    `since` is when it happened first, UTC, `count` how often since then, `url` where to look.
    """

    subject: str
    # What happened: a run failed; a check is red, only warns after that, or is right again.
    state: Literal["failed", "red", "warning", "right", "tried"]
    text: str
    since: datetime
    count: int = 1
    partitions: str = ""
    run_id: str = ""
    url: str = ""

    @property
    def sentence(self) -> str:
        """Return it in words, without the link."""
        when = f"{self.since:%Y-%m-%d %H:%M} UTC"
        where = f" ({self.partitions})" if self.partitions else ""
        if self.state == "failed":
            often = f"{self.count:,} times since" if self.count > 1 else "at"
            first = "the first said: " if self.count > 1 else ""
            return f"{self.subject}{where} failed {often} {when}: {first}{self.text}"
        return f"{self.subject} {_SAID[self.state]} {when}: {self.text}"


@dataclass(frozen=True)
class Message:
    """Hold what is sent at once."""

    about: Literal["runs", "checks", "a try"]
    notices: Sequence[Notice]

    @property
    def title(self) -> str:
        """Return what it is about, in a line."""
        if self.about == "runs":
            count = sum(notice.count for notice in self.notices)
            return f"promtsdb: {count:,} {'run' if count == 1 else 'runs'} failed"
        if self.about != "checks":
            return f"promtsdb: {self.about}"
        red = sum(notice.state == "red" for notice in self.notices)
        told = [f"{red:,} turned red"] if red else []
        told += [f"{len(self.notices) - red:,} no longer red"] if red < len(self.notices) else []
        return f"promtsdb: checks: {', '.join(told)}"

    @property
    def text(self) -> str:
        """Return all of it, a line a notice."""
        lines = [
            f"- {notice.sentence}" + (f" {notice.url}" if notice.url else "")
            for notice in self.notices
        ]
        return "\n".join([self.title, *lines])


class Notifier(Protocol):
    """Bring messages to people; adapters.notifiers has the ones of this project."""

    def send(self, message: Message) -> None:
        """Deliver a message within 40 seconds, or raise; it is then sent again later.

        The same may come twice: whoever sends does not always learn that it arrived.
        """


@dataclass(frozen=True)
class Attempts:
    """Count how often in a row nothing could be delivered; `at` is the last time, UTC."""

    count: int = 0
    at: datetime | None = None
    problem: str = ""

    def again_at(self) -> datetime | None:
        """Return before when another try would come too early, or None."""
        if self.at is None:
            return None
        pause: timedelta = _FIRST_PAUSE * 2 ** min(self.count - 1, _MOST_DOUBLINGS)
        return self.at + min(pause, _LONGEST_PAUSE)

    def waits(self, now: datetime) -> bool:
        """Return whether another try would come too early."""
        until = self.again_at()
        # A clock that was put back keeps nobody waiting.
        return self.at is not None and until is not None and self.at <= now < until

    def one_more(self, now: datetime, problem: str) -> Attempts:
        """Return what is known after another try in vain."""
        return Attempts(self.count + 1, now, problem)
