"""Judge whether a minute of a running total counts twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations

from promtsdb_dagster.core.verdicts import Verdict, some
from promtsdb_dagster.core.windows import Window

RECOVERY = "docs/how-to/recover-wrong-rule.md"


@dataclass(frozen=True)
class Stream:
    """Hold one series of a running total, from its first to its last row, both inclusive."""

    name: str
    tag_id: int
    labels: Mapping[str, str] | None
    first: datetime
    last: datetime
    rows: int


@dataclass(frozen=True)
class Pair:
    """Hold two series of one metric that should not have an instant in common."""

    one: Stream
    other: Stream
    why: str

    @property
    def first(self) -> datetime:
        """Return from where on both may have rows."""
        return max(self.one.first, self.other.first)

    @property
    def last(self) -> datetime:
        """Return up to where both may have rows, inclusive."""
        return min(self.one.last, self.other.last)


@dataclass(frozen=True)
class Twice:
    """Count instants of a metric that count twice, between two of them, both inclusive."""

    name: str
    count: int
    first: datetime
    last: datetime
    why: str


@dataclass(frozen=True)
class Totals:
    """Hold all that was found: what counts twice, and how much was looked at."""

    twice: Sequence[Twice]
    rows: int
    series: int
    rows_of_steps: int
    # Coverage of one record at two steps that shares time.
    overlaps: Mapping[str, Window]


def suspicious(streams: Sequence[Stream], several: Collection[str]) -> list[Pair]:
    """Return the pairs of series that cannot both belong to one rule.

    The series of one rule have the same labels and differ in their values; `host` is Telegraf's
    own. What the tags cannot tell, the check no_gaps finds by the source.
    """
    by_name: defaultdict[str, list[Stream]] = defaultdict(list)
    for stream in streams:
        by_name[stream.name].append(stream)
    pairs = []
    for name in sorted(by_name):
        for one, other in combinations(by_name[name], 2):
            why = _why(one, other, name in several)
            pair = Pair(one, other, why)
            if why and pair.first <= pair.last:
                pairs.append(pair)
    return pairs


def _why(one: Stream, other: Stream, several: bool) -> str:
    if one.labels is None or other.labels is None:
        # Without tags nobody can say; the check no_orphans has them.
        return ""
    mine, theirs = ({**stream.labels} for stream in (one, other) if stream.labels is not None)
    hosts = mine.pop("host", ""), theirs.pop("host", "")
    if mine == theirs:
        return f"two host tags, {hosts[0]!r} and {hosts[1]!r}"
    odd = sorted(mine.keys() ^ theirs.keys())
    if odd and not several:
        return f"two series, of which one has no label {odd[0]!r}"
    return ""


def judge_doubles(found: Totals) -> Verdict:
    """Say what counts twice, and how it is put right."""
    severe = [
        f"{twice.count:,} increments of {twice.name} between {twice.first:%Y-%m-%dT%H:%MZ} and "
        f"{twice.last:%Y-%m-%dT%H:%MZ} count twice ({twice.why}), wanted each minute once; fetch "
        f"the metric anew over that range as {RECOVERY} says, and see first that live rule, "
        "backfill and Telegraf's `host` tag agree, or it comes back"
        for twice in found.twice
    ]
    if found.overlaps and not found.twice:
        names = sorted(found.overlaps)
        span = found.overlaps[names[0]]
        severe.append(
            f"the ledger says of {some(names)} that time is covered at two steps, the first within "
            f"{span}, wanted each moment covered once; somebody wrote to internal.backfill_ledger: "
            f"fetch the metric anew over that range as {RECOVERY} says"
        )
    return Verdict(
        f"each minute counts once: {found.rows:,} rows of {found.series:,} series looked at",
        severe,
        facts={
            "rows": found.rows,
            "series": found.series,
            "rows_of_steps": found.rows_of_steps,
            "increments_twice": sum(twice.count for twice in found.twice),
            "records_covered_twice": len(found.overlaps),
        },
    )
