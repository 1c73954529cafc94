"""What a person may choose when launching a backfill."""

from enum import Enum

import dagster as dg
from pydantic import Field

from promtsdb_dagster.core.planner import Only
from promtsdb_dagster.core.windows import Window, parse_instant
from promtsdb_dagster.errors import InputError


class Writer(Enum):
    """Who brings the rows; the names are what a person writes."""

    direct = "direct"
    replay = "replay"


class BackfillConfig(dg.Config):
    """What a person may choose in the launchpad."""

    recheck: bool = Field(
        default=False,
        description=(
            "Fetch and compare again what the ledger holds as done. Brings back rows that were "
            "lost; rows that are there stay as they are."
        ),
    )
    only: list[str] = Field(
        default=[],
        description=(
            "Windows inside the partitions to which the run keeps, as START/END in ISO 8601, the "
            "end exclusive: 2026-11-22T12:03Z/2026-11-22T12:09Z. Empty: the whole partitions."
        ),
    )
    records: list[str] = Field(
        default=[],
        description=(
            "Rules to which the run keeps, by their record; the second rule of one record is "
            "record#2. Empty: all rules of the group."
        ),
    )
    replace: bool = Field(
        default=False,
        description=(
            "Delete all rows of `records` in the partitions, by whichever group or live path they "
            "came and under whichever labels, and write what the rules of today say: for a rule "
            "that was wrong. Each partition as a whole or not at all."
        ),
    )
    accept_loss: bool = Field(
        default=False,
        description=(
            "With `replace`: also where the source has nothing any more for instants that are "
            "stored. Their rows are lost."
        ),
    )
    writer: Writer = Field(
        default=Writer.direct,
        description=(
            "direct: this run writes the rows. replay: vmalert's replay sends them to Telegraf, "
            "as live samples come, and this run proves that they arrived. Both leave the same "
            "rows; direct is faster and needs neither."
        ),
    )
    dry_run: bool = Field(
        default=False,
        description=(
            "Only say what would be fetched, written or deleted, and how long it would take. "
            "Writes nothing and materializes no partition: the estimate is an observation of the "
            "asset. Fetches what a run would fetch, so it takes a part of its time."
        ),
    )
    dry_run_seconds: float = Field(
        default=60,
        gt=0,
        description=(
            "How long a dry run may begin to ask the source. What it has not asked by then is "
            "planned all the same, and its rows are estimated."
        ),
    )
    arrival_seconds: float = Field(
        default=120,
        gt=0,
        description=(
            "How long after a replay its rows may be on their way through Telegraf. Then the run "
            "fails and says which are missing; any later run completes them."
        ),
    )


def only_of(config: BackfillConfig) -> Only:
    """Return the windows and rules to which a run keeps."""
    return Only(tuple(map(_window, config.only)), frozenset(config.records))


def _window(text: str) -> Window:
    start, _, end = text.partition("/")
    try:
        return Window(parse_instant(start), parse_instant(end))
    except ValueError as problem:
        raise InputError(
            f"only={text!r} is not a window ({problem}), wanted START/END in ISO 8601 like "
            "2026-11-22T12:03Z/2026-11-22T12:09Z"
        ) from None


def judge_replacement(config: BackfillConfig) -> None:
    """Raise InputError where a replacement is asked for that makes no sense."""
    if config.writer is not Writer.direct:
        raise InputError(
            "`replace` with the writer `replay` makes no sense, wanted `direct`: what is deleted "
            "and what takes its place are one transaction; leave `writer` out"
        )
