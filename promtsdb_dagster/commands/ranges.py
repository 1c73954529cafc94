"""Read the dates of a command, and refuse those that make no sense."""

from __future__ import annotations

from datetime import datetime, timedelta

from promtsdb_dagster.core.windows import Window, floor, parse_instant
from promtsdb_dagster.defs.groups import Group
from promtsdb_dagster.defs.partitions import DAY
from promtsdb_dagster.errors import InputError


def read_window(start: str, end: str, *, now: datetime, history_start: datetime) -> Window:
    """Return [start, end) of two dates or instants, UTC.

    Raises InputError for what is no date, reversed, in the future or before BACKFILL_START.
    """
    first, last = _instant("FROM", start), _instant("TO", end)
    if first >= last:
        raise InputError(
            f"FROM {start} is not before TO {end}, wanted at least one moment; the end is "
            f"exclusive, so one day is FROM={first:%Y-%m-%d} TO={first + DAY:%Y-%m-%d}"
        )
    if first < history_start:
        raise InputError(
            f"FROM {start} is before BACKFILL_START, wanted {history_start:%Y-%m-%d} or later; "
            "choose a later FROM, or set BACKFILL_START to an earlier day"
        )
    newest = floor(now, DAY) + DAY
    if last > newest:
        raise InputError(
            f"TO {end} is in the future, wanted at most {newest:%Y-%m-%d}, the end of today, UTC"
        )
    if first > now:
        raise InputError(f"FROM {start} is in the future, wanted a moment before {now:%FT%TZ}")
    return Window(first, last)


def choose_group(groups: tuple[Group, ...], asset: str) -> Group:
    """Return the group of this name or raise InputError with all names."""
    for group in groups:
        if group.asset == asset:
            return group
    raise InputError(
        f"{f'there is no asset {asset!r} to backfill' if asset else 'ASSET is not given'}, wanted "
        f"one of {', '.join(group.asset for group in groups)}"
    )


def whole_partitions(group: Group, window: Window, now: datetime) -> Window:
    """Return the partitions that hold the window, from edge to edge.

    Raises InputError when some of the window has no partition yet.
    """
    end = group.grid.end(now)
    if window.end > end:
        raise InputError(
            f"{group.asset} has no partition for {max(window.start, end):%Y-%m-%d} yet, wanted TO "
            f"at most {end:%Y-%m-%d}; backfill_live has the present day"
        )
    covered = group.grid.covering(window, now)
    if covered is None:
        raise InputError(f"{group.asset} has no partition in {window}")
    return covered


def whole_partitions_text(group: Group, window: Window, covered: Window) -> str:
    """Return what to tell about a range that was widened; empty when it was not."""
    if covered == window:
        return ""
    days = group.grid.period // timedelta(days=1)
    return (
        f"{group.asset} works in whole partitions of {days} days: "
        f"{covered.start:%Y-%m-%d} .. {covered.end:%Y-%m-%d} is done instead"
    )


def _instant(option: str, text: str) -> datetime:
    if not text.strip():
        raise InputError(
            f"{option} is not given, wanted the days as dates, such as FROM=2026-11-15 "
            "TO=2026-11-21; the end is exclusive"
        )
    try:
        return parse_instant(text)
    except ValueError:
        raise InputError(
            f"{option} {text!r} is not a date, wanted one of the calendar such as 2026-11-15"
        ) from None
