"""Reckon what the aggregates must hold from rows and tags, in Python."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from faults.truth import Rows

Buckets = dict[tuple[object, ...], tuple[object, ...]]
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_SUPPLY = {
    "manifest_tokenomics_total_supply",
    "manifest_tokenomics_excluded_supply",
    "locked_tokens",
    "locked_fees",
    "total_mfx_burned",
    "talib_mfx_power_conversion",
}
_LATITUDE, _LONGITUDE = "manifest_geo_latitude", "manifest_geo_longitude"
Row = tuple[datetime, Decimal, Mapping[str, str]]


def aggregates_of(rows: Rows) -> dict[str, Buckets]:
    """Return the buckets of each aggregate, key and values; all rows are at full minutes."""
    sums: dict[tuple[object, ...], Decimal] = defaultdict(Decimal)
    gauges: dict[tuple[datetime, str, str], list[Row]] = defaultdict(list)
    places: dict[tuple[object, ...], list[tuple[str, Row]]] = defaultdict(list)
    for (time, tag_id, name, schema), value in rows.values.items():
        row = (time, value, rows.tags[tag_id])
        bucket = time.replace(second=0, microsecond=0)
        if schema == "cumsum":
            sums[bucket, name, schema] += value
        elif schema == "geo":
            places[bucket, row[2].get("instance")].append((name, row))
        else:
            gauges[bucket, name, schema].append(row)
    amounts = {key: _amount(members) for key, members in gauges.items()}
    found: dict[str, Buckets] = {
        "all_metrics_minute": {key: (value,) for key, value in sums.items()},
        "cagg_calculated_metric": {
            key: (amount,) for key, amount in amounts.items() if key[1] in _SUPPLY
        },
        "latest_coords": {key: _place(members) for key, members in places.items()},
    }
    for tier in ("mainnet", "testnet", "common"):
        found[f"prometheus_{tier}_1m"] = {
            (bucket, name): (amount,)
            for (bucket, name, schema), amount in amounts.items()
            if schema == tier
        }
    return found


def _amount(rows: list[Row]) -> Decimal:
    for label in ("supply", "excluded_supply", "amount"):
        said = [
            Decimal(tags[label]) for _, _, tags in rows if _NUMBER.fullmatch(tags.get(label, ""))
        ]
        if said:
            return max(said)
    return max((time, value) for time, value, _ in rows)[1]


def _place(members: list[tuple[str, Row]]) -> tuple[object, ...]:
    def newest(values: Iterable[tuple[datetime, object]]) -> object:
        return max(values, default=(None, None))[1]

    def coordinate(wanted: str) -> object:
        return newest((time, value) for name, (time, value, _) in members if name == wanted)

    def word(label: str) -> object:
        return newest((time, tags[label]) for _, (time, _, tags) in members if label in tags)

    return (
        coordinate(_LATITUDE),
        coordinate(_LONGITUDE),
        word("country_name"),
        word("city"),
    )
