"""Tell of a failure at once, and of the next two hundred like it in one message."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from promtsdb_dagster.core.notices import Notice
from promtsdb_dagster.core.shown import shortened

# After a message about a kind of failure, more of that kind are counted for so long.
QUIET = timedelta(hours=1)
_MOST_KINDS = 40
_MOST_CHARACTERS = 400
_OTHERS = "others"


@dataclass(frozen=True)
class Failure:
    """Hold one run that failed; two of the same subject and kind are told as one."""

    subject: str
    kind: str
    text: str
    at: datetime
    run_id: str
    # Keys of partitions; empty where the run has none.
    first_partition: str = ""
    last_partition: str = ""


@dataclass(frozen=True)
class Storm:
    """Hold failures of one kind: those that nobody was told of, and when somebody was last."""

    subject: str
    told_at: str = ""
    count: int = 0
    # Of the first that nobody was told of.
    since: str = ""
    text: str = ""
    run_id: str = ""
    first_partition: str = ""
    last_partition: str = ""

    def with_one_more(self, failure: Failure) -> Storm:
        """Return it with another failure."""
        if not self.count:
            return replace(
                self,
                count=1,
                since=failure.at.isoformat(),
                text=shortened(first_line(failure.text), _MOST_CHARACTERS),
                run_id=failure.run_id,
                first_partition=failure.first_partition,
                last_partition=failure.last_partition,
            )
        partitions = [self.first_partition, failure.first_partition]
        return replace(
            self,
            count=self.count + 1,
            first_partition=min(filter(None, partitions), default=""),
            last_partition=max(self.last_partition, failure.last_partition),
        )

    def waits_until(self) -> datetime | None:
        """Return when its next message may go, or None for at once."""
        return datetime.fromisoformat(self.told_at) + QUIET if self.told_at else None

    def is_quiet(self, now: datetime) -> bool:
        """Return whether it is too early for its next message."""
        told_at = datetime.fromisoformat(self.told_at) if self.told_at else None
        # A clock that was put back keeps nobody waiting.
        return told_at is not None and told_at <= now < told_at + QUIET

    def notice(self, runs_url: str) -> Notice:
        """Return what people should know; `runs_url` is where pages of runs are, or empty."""
        first, last = self.first_partition, self.last_partition
        kind = "partition " if first == last else "partitions "
        return Notice(
            subject=self.subject,
            state="failed",
            text=self.text,
            since=datetime.fromisoformat(self.since),
            count=self.count,
            partitions=kind + (first if first == last else f"{first} to {last}") if first else "",
            run_id=self.run_id,
            url=f"{runs_url}/{self.run_id}" if runs_url else "",
        )


Storms = Mapping[str, Storm]


def gather(storms: Storms, failures: Iterable[Failure], now: datetime) -> Storms:
    """Return the storms with more failures, and without those that are over.

    However many kinds there are, what is kept stays small: those beyond 40 are told as one.
    """
    kept = {kind: storm for kind, storm in storms.items() if storm.count or storm.is_quiet(now)}
    for failure in failures:
        kind, subject = f"{failure.subject} {failure.kind}", failure.subject
        if kind not in kept and len(kept) >= _MOST_KINDS:
            kind = subject = _OTHERS
        kept[kind] = kept.get(kind, Storm(subject)).with_one_more(failure)
    return kept


def due(storms: Storms, now: datetime) -> Sequence[str]:
    """Return the kinds of which people should be told now."""
    return [kind for kind, storm in storms.items() if storm.count and not storm.is_quiet(now)]


def told(storms: Storms, kinds: Iterable[str], now: datetime) -> Storms:
    """Return the storms after people were told of some kinds."""
    known = set(kinds)
    return {
        kind: Storm(storm.subject, told_at=now.isoformat()) if kind in known else storm
        for kind, storm in storms.items()
    }


def as_json(storms: Storms) -> dict[str, Any]:
    """Return what `from_json` reads."""
    return {
        kind: {name: value for name, value in asdict(storm).items() if value}
        for kind, storm in storms.items()
    }


def from_json(known: Mapping[str, Any]) -> Storms:
    """Return the storms of `as_json`; fields of another version are left out."""
    fields = Storm.__dataclass_fields__
    return {
        kind: Storm(**{name: value for name, value in each.items() if name in fields})
        for kind, each in known.items()
    }


def first_line(text: str) -> str:
    """Return the first line that says something."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "it said nothing")
