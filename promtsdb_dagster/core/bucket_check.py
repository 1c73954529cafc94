"""Judge whether buckets say what their rows say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from promtsdb_dagster.core.verdicts import Verdict
from promtsdb_dagster.core.windows import Window

# Policies look back for an hour each minute; late rows that are younger are not noted, but seen.
LAG = timedelta(minutes=75)


@dataclass(frozen=True)
class Compared:
    """Hold how the buckets of a window differ from what is below them."""

    # The aggregate, or one of its roll-ups.
    relation: str
    window: Window
    buckets: int
    differing: int = 0
    # Any one that differs.
    example: datetime | None = None


def judge_buckets(
    aggregate: str, compared: Sequence[Compared], pending: Sequence[Window]
) -> Verdict:
    """Say which buckets are wrong, and how they are made right."""
    wrong = [each for each in compared if each.differing]
    severe = []
    for each in wrong:
        below = "raw rows" if each.relation == aggregate else "minutes"
        # Roll-ups follow their minutes within a refresh over the same days.
        severe.append(
            f"{each.differing:,} of {each.buckets:,} buckets of {each.relation} in {each.window} "
            f"are not what the {below} say, the first at {each.example:%Y-%m-%dT%H:%MZ}, and "
            "nothing notes them as changed; run "
            f"`promtsdb refresh --from {each.window.start:%Y-%m-%d} "
            f"--to {each.window.end + timedelta(days=1):%Y-%m-%d}`, which makes them anew, and "
            "look who changed them; see docs/how-to/recover-an-aggregate.md"
        )
    return Verdict(
        "all buckets looked at are what their rows say",
        severe,
        facts={
            "buckets": sum(each.buckets for each in compared),
            "buckets_differing": sum(each.differing for each in wrong),
            "windows_not_refreshed_yet": len(pending),
            "windows": [f"{each.relation} {each.window}" for each in compared],
        },
    )
