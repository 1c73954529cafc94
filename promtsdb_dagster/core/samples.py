"""Turn the answers of Prometheus into series of rows."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from promtsdb_dagster.core.decimals import are_plain, plain_decimal
from promtsdb_dagster.core.grid import Grid, unix_second
from promtsdb_dagster.core.rules import Rule
from promtsdb_dagster.core.shown import shortened, shown
from promtsdb_dagster.core.windows import Window
from promtsdb_dagster.errors import RuleError, SourceIncomplete

_FNV_OFFSET = 0xCBF29CE484222325
_FNV_PRIME = 0x100000001B3
_MASK = 0xFFFFFFFFFFFFFFFF
_TIERS = frozenset({"mainnet", "testnet"})
_MOST_REMEMBERED = 4_096
# docker/telegraf/telegraf.conf refuses the same series.
MOST_LABEL_BYTES = 32_768
# PostgreSQL stores no NUL in text or jsonb; Unicode's own sign for it keeps the label readable.
_NUL_SIGN = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True)
class Routing:
    """Say which metrics go to the `geo` schema and which are cumulative."""

    geo: frozenset[str] = frozenset()
    cumulative: frozenset[str] = frozenset()

    def schema_of(self, name: str, labels: Mapping[str, str]) -> str:
        """Return the schema of a series by its lower-cased name and its labels."""
        if name in self.geo:
            return "geo"
        if name in self.cumulative:
            return "cumsum"
        tier = labels.get("manifest_tier", "")
        return tier if tier in _TIERS else "common"


@dataclass(frozen=True, slots=True)
class Series:
    """Hold the rows of one series: unix seconds ascending, values as shortest decimals."""

    name: str
    schema: str
    tag_id: int
    tags: Mapping[str, str]
    times: Sequence[int]
    values: Sequence[str]

    def within(self, window: Window) -> Series | None:
        """Return the rows that lie in a window, or None."""
        start, end = self._indices(window)
        if start == end:
            return None
        return replace(self, times=self.times[start:end], values=self.values[start:end])

    def reaches(self, window: Window) -> bool:
        """Return whether a row lies in a window."""
        start, end = self._indices(window)
        return start < end

    def _indices(self, window: Window) -> tuple[int, int]:
        first, last = unix_second(window.start), unix_second(window.end)
        return bisect_left(self.times, first), bisect_left(self.times, last)


@dataclass
class Converted:
    """Hold the series of one answer; what was left out is counted by reason and unix second."""

    series: list[Series] = field(default_factory=list, repr=False)  # Retries log their arguments.
    dropped: Counter[tuple[str, int]] = field(default_factory=Counter, repr=False)
    repaired_labels: int = 0

    @property
    def rows(self) -> int:
        """Return how many rows all series have together."""
        return sum(len(series.times) for series in self.series)

    def within(self, window: Window) -> Converted:
        """Return what of the answer lies in a window."""
        inside = (series.within(window) for series in self.series)
        first, last = unix_second(window.start), unix_second(window.end)
        dropped = {key: n for key, n in self.dropped.items() if first <= key[1] < last}
        return Converted(
            [series for series in inside if series], Counter(dropped), self.repaired_labels
        )

    def reaches(self, window: Window) -> bool:
        """Return whether a row or a dropped sample lies in a window."""
        first, last = unix_second(window.start), unix_second(window.end)
        return any(series.reaches(window) for series in self.series) or any(
            first <= second < last for _, second in self.dropped
        )

    def add(self, later: Converted) -> None:
        """Take in the answer for another window of the same rule."""
        self.series += later.series
        self.dropped += later.dropped
        self.repaired_labels += later.repaired_labels


def tag_id(tags: Mapping[str, str]) -> int:
    """Return the FNV-1a 64 of all tags sorted by key, as a signed 64 bit number.

    The same as GetTagID of Telegraf's PostgreSQL output, so that rows of both writers meet.
    """
    digest = _FNV_OFFSET
    for key, value in sorted((k.encode(), v.encode()) for k, v in tags.items()):
        for byte in key + b"\0" + value + b"\0":
            digest = ((digest ^ byte) * _FNV_PRIME) & _MASK
    return digest - (1 << 64) if digest >> 63 else digest


def tags_of(name: str, labels: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that Telegraf would send for a series."""
    tags = {key: value for key, value in labels.items() if key != "__name__"}
    tags["tli_name"] = name
    tags.setdefault("host", "telegraf")
    return tags


def convert(
    rule: Rule,
    answer: Iterable[Mapping[str, Any]],
    *,
    window: Window,
    step: timedelta,
    routing: Routing,
) -> Converted:
    """Turn a range vector of one rule into rows.

    Raises SourceIncomplete for samples outside of the window or off the step, and RuleError
    when two series have the same labels. NaN, infinities, and series whose labels are larger
    than 32 KiB are dropped and counted.
    """
    converted = Converted()
    name = rule.record.lower()
    seen: set[tuple[tuple[str, str], ...]] = set()
    grid = Grid(rule.record, window, step)
    for item in answer:
        merged = {**item["metric"], **rule.labels}
        # Prometheus takes an empty label for an absent one.
        labels = {k: v for k, v in merged.items() if v != "" and k != "__name__"}
        identity = tuple(sorted(labels.items()))
        if identity in seen:
            raise RuleError(
                f"{rule.file}:{rule.line}: rule {rule.record!r} of group {rule.group!r} returns "
                f"the label set {shown(labels, 800)} twice, wanted each at most once; "
                "aggregate or add the label that tells them apart"
            )
        seen.add(identity)
        if not item["values"]:
            continue
        instants, texts = _pairs(rule, item["values"])
        times, values = _finite(rule, grid.times(instants), texts, converted.dropped)
        if not times:
            continue
        size = sum(len(k) + len(v) for k, v in identity)
        # A letter is at most four bytes.
        if 4 * size > MOST_LABEL_BYTES and _bytes(identity) > MOST_LABEL_BYTES:
            converted.dropped += Counter(("labels too large", time) for time in times)
            continue
        remembered = size <= _MOST_REMEMBERED
        find_tags = _stored_tags if remembered else _stored_tags.__wrapped__
        tags, identifier, repaired = find_tags(name, identity)
        converted.repaired_labels += repaired
        schema = routing.schema_of(name, labels)
        converted.series.append(Series(name, schema, identifier, tags, times, values))
    return converted


# The series of a rule are the same in every window; hashing one takes 25 us.
@lru_cache(maxsize=8_192)
def _stored_tags(
    name: str, labels: tuple[tuple[str, str], ...]
) -> tuple[Mapping[str, str], int, bool]:
    """Return tags as PostgreSQL can store them, the tag_id, and whether a label had to change."""
    tags = tags_of(name, dict(labels))
    identifier = tag_id(tags)
    if not any("\0" in part for pair in tags.items() for part in pair):
        return MappingProxyType(tags), identifier, False
    plain = {k.replace("\0", _NUL_SIGN): v.replace("\0", _NUL_SIGN) for k, v in tags.items()}
    return MappingProxyType(plain), identifier, True


def _bytes(labels: Iterable[tuple[str, str]]) -> int:
    return sum(len(text.encode()) for pair in labels for text in pair)


def _pairs(rule: Rule, samples: Sequence[Sequence[Any]]) -> tuple[Sequence[float], Sequence[str]]:
    try:
        instants, texts = zip(*samples, strict=True)
        hash(instants)
    except (TypeError, ValueError) as error:
        raise SourceIncomplete(
            f"rule {rule.record!r} got samples that are not pairs of instant and value: "
            f"{shown(samples)}; is DATASOURCE_URL the base URL of a Prometheus?"
        ) from error
    return instants, texts


def _finite(
    rule: Rule, times: list[int], texts: Sequence[str], dropped: Counter[tuple[str, int]]
) -> tuple[list[int], list[str]]:
    """Return the rows of one series as decimals; what is not finite is left out and counted."""
    try:
        if are_plain(texts):
            return times, list(texts)
        plain = list(map(plain_decimal, texts))
    except (TypeError, ValueError) as error:
        raise SourceIncomplete(
            f"rule {rule.record!r} got a value that is no number ({shortened(str(error))}), "
            "wanted decimals as text; is DATASOURCE_URL the base URL of a Prometheus?"
        ) from error
    values = [value for value in plain if value is not None]
    if len(values) == len(plain):
        return times, values
    for time, text, value in zip(times, texts, plain, strict=True):
        if value is None:
            dropped["NaN" if math.isnan(float(text)) else "infinite", time] += 1
    return [time for time, value in zip(times, plain, strict=True) if value is not None], values
