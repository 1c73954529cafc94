"""What must be stored, asked of the source by instant queries and turned into rows here.

Nothing of the way that is tested is used: no range query, no code that makes names, tags,
identities or decimals. The rules are read as YAML.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any

import httpx
import yaml

# Time, tag_id, name, schema: what the tables are unique by.
Key = tuple[datetime, int, str, str]
# Not a label of the source.
_MARK = "faults_rule"
_STEPS = {"1h": timedelta(hours=1), "15m": timedelta(minutes=15), "1m": timedelta(minutes=1)}
_AT_ONCE = 4


@dataclass(frozen=True)
class Part:
    """One rule group at the multiples of a step in [start, end); totals or gauges or both."""

    group: str
    start: datetime
    end: datetime
    totals: bool = True
    gauges: bool = True

    def instants(self, step: timedelta) -> list[datetime]:
        """Return the instants that it has."""
        seconds = int(step.total_seconds())
        first = -(-int(self.start.timestamp()) // seconds) * seconds
        last = -(-int(self.end.timestamp()) // seconds) * seconds
        return [datetime.fromtimestamp(s, timezone.utc) for s in range(first, last, seconds)]


@dataclass
class Rows:
    """Rows by key, and the tags of their series."""

    values: dict[Key, Decimal] = field(default_factory=dict)
    tags: dict[int, Mapping[str, str]] = field(default_factory=dict)

    def put(self, key: Key, value: Decimal, tags: Mapping[str, str]) -> None:
        """Add a row; the truth says each thing once."""
        if self.values.setdefault(key, value) != value:
            raise ValueError(f"the source says two things of {key}; the parts overlap")
        self.tags[key[1]] = tags


@dataclass(frozen=True)
class Rule:
    """One rule as its file has it."""

    record: str
    expr: str
    labels: Mapping[str, str]


class Truth:
    """Ask a source once for each group and instant, and remember what it said."""

    def __init__(self, url: str, rules_dir: Path) -> None:
        """Read the rules; nothing is asked yet."""
        self._url = url
        self.groups: dict[str, tuple[timedelta, list[Rule]]] = {}
        for file in sorted(rules_dir.glob("*.yaml")):
            document = yaml.safe_load(file.read_text(encoding="utf-8"))
            for group in document.get("groups", ()) if file.name != "metrics.yaml" else ():
                rules = [Rule(r["record"], r["expr"], r.get("labels", {})) for r in group["rules"]]
                self.groups[group["name"]] = (_STEPS[group["interval"]], rules)
        routing = yaml.safe_load((rules_dir / "routing.yaml").read_text(encoding="utf-8"))
        self._geo, self.totals = set(routing["geo"]), set(routing["cumulative"])
        self._said: dict[tuple[str, datetime], list[tuple[Rule, dict[str, str], str]]] = {}

    def rows(self, parts: Iterable[Part]) -> Rows:
        """Return every row that the parts hold."""
        found = Rows()
        for part in parts:
            for instant, rule, labels, text in self._samples(part):
                value = float(text)
                if not isfinite(value):
                    continue
                name = rule.record.lower()
                total = name in self.totals
                if not (part.totals if total else part.gauges):
                    continue
                tags = _tags(name, {**labels, **rule.labels})
                key = (instant, identity(tags), name, self._schema(name, tags))
                # The shortest decimal that reads back as the same float.
                found.put(key, Decimal(repr(value)), tags)
        return found

    def _samples(self, part: Part) -> Iterable[tuple[datetime, Rule, dict[str, str], str]]:
        step, rules = self.groups[part.group]
        instants = part.instants(step)
        missing = [each for each in instants if (part.group, each) not in self._said]
        with (
            httpx.Client(base_url=self._url, trust_env=False, timeout=60) as client,
            ThreadPoolExecutor(_AT_ONCE) as askers,
        ):
            answers = askers.map(lambda instant: _ask(client, rules, instant), missing)
            for instant, answer in zip(missing, answers, strict=True):
                self._said[part.group, instant] = answer
        for instant in instants:
            for rule, labels, text in self._said[part.group, instant]:
                yield instant, rule, labels, text

    def _schema(self, name: str, tags: Mapping[str, str]) -> str:
        if name in self._geo:
            return "geo"
        if name in self.totals:
            return "cumsum"
        tier = tags.get("manifest_tier", "")
        return tier if tier in ("mainnet", "testnet") else "common"


def _ask(
    client: httpx.Client, rules: Sequence[Rule], instant: datetime
) -> list[tuple[Rule, dict[str, str], str]]:
    """Evaluate all rules at one instant in one query: `or` keeps what has another mark."""
    marked = (
        f'label_replace(({rule.expr}), "{_MARK}", "{number}", "", "")'
        for number, rule in enumerate(rules)
    )
    form = {"query": " or ".join(marked), "time": str(int(instant.timestamp()))}
    answer: dict[str, Any] = client.post("/api/v1/query", data=form).raise_for_status().json()
    if answer["status"] != "success" or answer.get("warnings"):
        raise ValueError(f"the source does not say what is true at {instant}: {answer}")
    found = []
    for series in answer["data"]["result"]:
        labels = {k: v for k, v in series["metric"].items() if k != "__name__"}
        rule = rules[int(labels.pop(_MARK))]
        found.append((rule, labels, series["value"][1]))
    return found


def _tags(name: str, labels: Mapping[str, str]) -> dict[str, str]:
    return {"host": "telegraf", **labels, "tli_name": name}


def identity(tags: Mapping[str, str]) -> int:
    """Return the FNV-1a of a series' tags as a signed number of 64 bits."""
    found = 0xCBF29CE484222325
    for key in sorted(tags, key=str.encode):
        for byte in f"{key}\0{tags[key]}\0".encode():
            found = (found ^ byte) * 0x100000001B3 % 2**64
    return found - 2**64 if found >= 2**63 else found
