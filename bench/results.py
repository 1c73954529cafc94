"""What a benchmark found, judged by its target, and the file that keeps it."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from promtsdb_dagster.errors import ConfigurationError


@dataclass(frozen=True)
class Result:
    """One number; `met` is None where it is only told and has no target."""

    name: str
    engine: str
    value: float
    unit: str
    target: str = ""
    met: bool | None = None
    detail: dict[str, object] = field(default_factory=dict)

    @property
    def topic(self) -> str:
        """Return the topic that found it."""
        return str(self.detail.get("topic", ""))

    def with_detail(self, **more: object) -> Result:
        """Return the same with more detail; what is there already stays."""
        return replace(self, detail={**more, **self.detail})


def at_least(
    name: str, engine: str, value: float, wanted: float, *, unit: str, **detail: object
) -> Result:
    """Return a result whose target is to reach `wanted`."""
    return Result(name, engine, value, unit, f">= {wanted:g}", value >= wanted, detail)


def at_most(
    name: str, engine: str, value: float, wanted: float, *, unit: str, **detail: object
) -> Result:
    """Return a result whose target is not to exceed `wanted`."""
    return Result(name, engine, value, unit, f"<= {wanted:g}", value <= wanted, detail)


def told(name: str, engine: str, value: float, *, unit: str, **detail: object) -> Result:
    """Return a result without a target."""
    return Result(name, engine, value, unit, "", None, detail)


def merged(
    before: Sequence[Result], now: Sequence[Result], finished: Collection[tuple[str, str]]
) -> list[Result]:
    """Return the results of now, and those of before that nothing has taken the place of.

    `finished` are topics and engines that ran to their end, whose older results all go.
    """
    replaced = {(each.name, each.engine) for each in now}
    kept = [
        each
        for each in before
        if (each.name, each.engine) not in replaced and (each.topic, each.engine) not in finished
    ]
    return kept + list(now)


def save(path: Path, results: Sequence[Result]) -> None:
    """Write a JSON list, at once: a reader sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    rows = [{**asdict(each), "value": _short(each.value)} for each in results]
    new.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    new.replace(path)


def load(path: Path) -> list[Result]:
    """Read a file that `save` wrote; raises ConfigurationError when it is another."""
    try:
        return [Result(**each) for each in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise ConfigurationError(
            f"{path} is not a list of results: {error}; `make bench` without --keep writes it anew"
        ) from error


def _short(value: float) -> float:
    """Return six significant digits: more would be noise."""
    return float(f"{value:.6g}")
