"""Every reason for which a tick of a sensor or a schedule starts nothing.

A class a sensor or schedule; docs/reference/sensors.md lists them all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from string import Formatter

import dagster as dg


@dataclass(frozen=True)
class Reason:
    """Hold a sentence with names in braces for what is known only then."""

    template: str

    def text(self, **facts: object) -> str:
        """Return the sentence; instants are told to the minute, UTC."""
        told = {name: moment(f) if isinstance(f, datetime) else f for name, f in facts.items()}
        return _TEXT.format(self.template, **told)

    def __call__(self, **facts: object) -> dg.SkipReason:
        """Return what a tick that starts nothing returns."""
        return dg.SkipReason(self.text(**facts))


_TEXT = Formatter()


def moment(instant: datetime) -> str:
    """Return an instant to the minute."""
    return f"{instant:%Y-%m-%d %H:%M} UTC"


def some(names: Sequence[str], most: int = 3) -> str:
    """Return the first of many names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


class Everywhere:
    """Of all that ask the database."""

    PROBLEM = Reason("{problem}; looked at again {again}")


class Tables:
    """Of those that need no more than the tables."""

    NO_TABLES = Reason(
        "the tables do not exist yet; materialize group migrations; looked at again {again}"
    )


class Schedules:
    """Of every schedule."""

    RUNNING = Reason(
        "the run {run} of {job}, begun at {since}, is not over; looked at again {again}"
    )


class CheckLiveRows:
    """Of the schedule of that name."""

    NO_LIVE_ROW = Reason(
        "no live row has arrived yet, so there is nothing to compare; where vmalert and Telegraf "
        "run, look at their checks; looked at again {again}"
    )


class History:
    """Of the sensor of that name."""

    NOTHING_STORED = Reason(
        "the history of this database was started already and nothing of it is stored yet: "
        "{runs} of the group backfill are not over; when none is left, look at those that failed, "
        "or run the job history to start it again"
    )
    NO_LIVE_ROW = Reason(
        "the database has its history, and no live row yet; with the first one the backfill of "
        "all groups starts once more, to close what is open before it; run the job history to "
        "bring everything up to date"
    )
    JUST_LIVE = Reason(
        "live rows began at {begun}, and those of other metrics come within minutes; at {until} "
        "the backfill of all groups starts once more, to close what is open before them"
    )
    ASKED = Reason(
        "live rows began at {begun}; what is open before them was asked for at {asked}, try "
        "{tries} of {most}; if a run of it fails, it is asked for again after {until}; run the job "
        "history to start all groups now"
    )
    CLOSED = Reason(
        "live rows began at {begun}; what is open before them was asked for at {asked}, try "
        "{tries}, and none of its runs has failed; run the job history to bring everything up to "
        "date"
    )
    GIVEN_UP = Reason(
        "live rows began at {begun}; what is open before them was asked for {tries} times, which "
        "is the most, last at {asked}; look at the runs of the group backfill that failed, then "
        "run the job history"
    )


class LateChanges:
    """Of the sensor of that name; a sentence an aggregate."""

    NOTHING = Reason(
        "no change waits for a refresh in any of {aggregates} aggregates; rows or tags that come "
        "late, and what a backfill changed without a refresh, start one of their weeks"
    )
    WAITS = Reason(
        "{aggregate}: {changes} by {reasons} noted up to {noted}; the refresh of {weeks} starts "
        "at {until}, so that a burst is one refresh and automation comes first"
    )
    BUSY = Reason(
        "{aggregate}: {changes} noted up to {noted}; the refresh of {weeks} starts when no run "
        "works on it or on what feeds it: {runs}"
    )
    ASKED = Reason(
        "{aggregate}: the refresh of {changes} was asked for at {asked}; it is asked for again at "
        "{until} if they are noted still"
    )
    OUTSIDE = Reason(
        "{aggregate}: {changes} before BACKFILL_START, where no partition is; refresh them "
        "by `make refresh`, with an earlier BACKFILL_START"
    )


class LiveGaps:
    """Of the sensor of that name."""

    NOTHING_COMPARED = Reason(
        "live rows have not been compared with the source yet; the schedule check_live_rows does "
        "it every ten minutes, once there are any"
    )
    NOTHING_MISSING = Reason(
        "live rows are compared up to {until}, and none is missing; the schedule check_live_rows "
        "compares again every ten minutes"
    )
    TRIED_OFTEN = Reason(
        "{gaps} from {first} on stay missing after up to {attempts} comparisons; the next turn "
        "comes {comparisons} comparisons later, about {until}; to try now, materialize "
        "backfill_live over these days with `recheck: true`"
    )
    BUSY = Reason(
        "{gaps} from {first} on are missing; backfill_live is at work, and its outcome comes "
        "first: {runs}; then it is asked for {days}"
    )
    ASKED = Reason(
        "{gaps} from {first} on are missing; backfill_live was asked for {days} at {asked}; the "
        "next comparison, within ten minutes, says what came of it"
    )
    OUTSIDE = Reason("{gaps} from {first} to {last} are missing before BACKFILL_START")


class RecentBuckets:
    """Of the sensor of that name, which does its work in the tick and never starts a run."""

    DONE = Reason("{done}, {seconds} s{tags}; done again in a minute")
    BY_POLICY = Reason("TimescaleDB's policies refresh the aggregates{tags}")


class Storage:
    """Of the sensor of that name, which never starts a run."""

    NOTED = Reason("noted on the assets: {tables}; looked at again {again}")
    NOTHING_NEWER = Reason(
        "the newest rows are of {newest}, as noted before; looked at again {again}"
    )


class NotifyFailures:
    """Of the sensor of that name, which never starts a run."""

    NOTHING = Reason(
        "no run has failed that people were not told of; they are told of the next one within "
        "half a minute"
    )
    TOLD = Reason("people were told: {message}")
    COUNTED = Reason(
        "{count} more like those that people were told of at {told}: {subjects}; they are "
        "counted, and told as one message at {until}"
    )
    RETRIED = Reason(
        "{count} failed, and Dagster tries the same again; people are told when the last try fails"
    )
    NOT_TOLD = Reason(
        "{message} - people could not be told, {tries} by now: {problem}; nothing is lost, sent "
        "again after {until}"
    )


class NotifyChecks:
    """Of the sensor of that name, which never starts a run."""

    NOTHING = Reason(
        "{checks} looked at, by their last results; {red} as people were told, none has changed"
    )
    TOLD = Reason("people were told: {message}")
    NOT_TOLD = Reason(
        "{message} - people could not be told, {tries} by now: {problem}; nothing is lost, sent "
        "again after {until}"
    )


# By the name of the sensor or schedule. What `automation` waits for is said by its conditions.
REASONS: Mapping[str, Sequence[type]] = {
    "automation": (),
    "history": (Everywhere, History),
    "late_changes": (Everywhere, Tables, LateChanges),
    "live_gaps": (Everywhere, Tables, LiveGaps),
    "recent_buckets": (Everywhere, RecentBuckets),
    "storage": (Everywhere, Tables, Storage),
    "notify_failures": (NotifyFailures,),
    "notify_checks": (NotifyChecks,),
    "check_live_rows": (Schedules, Everywhere, Tables, CheckLiveRows),
    "checks": (Schedules, Everywhere),
    "draw_coverage": (Schedules, Everywhere),
    "housekeeping": (Schedules, Everywhere),
    "tidy_tags": (Schedules, Everywhere),
}


def reasons_of(name: str) -> dict[str, Reason]:
    """Return every reason of a sensor or a schedule by its name."""
    return {
        key: value
        for each in REASONS[name]
        for key, value in vars(each).items()
        if isinstance(value, Reason)
    }
