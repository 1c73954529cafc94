"""Say of a sensor or a schedule what it is for, and of a run what it was started for."""

import re
from datetime import timedelta
from typing import TypedDict

import dagster as dg

from promtsdb_dagster.core.shown import shortened

# On every run that a sensor or a schedule starts.
WHY_TAG = "promtsdb/why"
_MOST_CHARACTERS = 200
_REFERENCE = "docs/reference/sensors.md"


class About(TypedDict):
    """Hold what every sensor and schedule is given."""

    description: str
    metadata: dict[str, dg.MetadataValue]


def about(what: str, *, starts: str, when_off: str) -> About:
    """Return the description and the metadata of a sensor or a schedule; texts are Markdown."""
    told = (
        f"{what}\n\nIt starts: {starts}.\n\nWhen it is off: {when_off}.\n\n"
        f"Every reason for doing nothing: {_REFERENCE}."
    )
    return {
        # The UI shows this as one paragraph, and does not render Markdown here.
        "description": re.sub("[`*]", "", told),
        "metadata": {
            "what": dg.MetadataValue.text(what),
            "starts": dg.MetadataValue.text(starts),
            "when_off": dg.MetadataValue.text(when_off),
            "reference": dg.MetadataValue.text(_REFERENCE),
        },
    }


def why(text: str) -> dict[str, str]:
    """Return the tag that says on a run's page why it was started."""
    return {WHY_TAG: shortened(text, _MOST_CHARACTERS)}


def in_seconds(interval: timedelta | int) -> str:
    """Return when a sensor of that interval looks again."""
    seconds = interval if isinstance(interval, int) else int(interval.total_seconds())
    return f"in {seconds} s" if seconds < 120 else f"in {seconds // 60} min"
