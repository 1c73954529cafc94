"""Compare stored rows with what the source returned."""

from __future__ import annotations

from collections.abc import Sequence

from promtsdb_dagster.adapters.batches import Target
from promtsdb_dagster.adapters.database import Connection
from promtsdb_dagster.adapters.stored import compare_stored
from promtsdb_dagster.core.ports import Part, Tally
from promtsdb_dagster.errors import VerificationFailed


def verify_rows(
    connection: Connection, target: Target, parts: Sequence[Part], tally: Tally
) -> None:
    """Raise VerificationFailed unless every row of the source is stored.

    Rows that were there before may differ from the source; no more of them than were counted.
    """
    differing_before = tally.differing.total()
    found = compare_stored(connection, target, parts, alone=tally.direct).found
    missing = sum(len(one.missing.times) for one in found if one.missing)
    differing = sum(len(one.differing) for one in found)
    if missing or differing > differing_before:
        rows = sum(len(one.series.times) for one in found)
        raise VerificationFailed(
            f"of {rows} rows that the source returned for {target}, {missing} are not "
            f"stored and {differing} have another value, wanted 0 and at most {differing_before}; "
            "look for another writer or a fault of the disk, then run the same partitions again"
        )
