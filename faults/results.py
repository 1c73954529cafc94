"""What came of a fault on an engine, and the file that keeps it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from promtsdb_dagster.errors import ConfigurationError
from promtsdb_dagster.settings import ROOT

RESULTS = ROOT / "faults" / "results.json"

if TYPE_CHECKING:
    from faults.fault import Fault, Try


@dataclass(frozen=True)
class Result:
    """All tries of one fault on one engine; seconds from the fault's end until all was right."""

    fault: str
    what: str
    engine: str
    tried: int
    lost: int
    doubled: int
    wrong: int
    # None where no try got that far.
    median_seconds: float | None
    worst_seconds: float | None
    ends_by: str
    # Where it struck, and how often.
    notes: dict[str, int] = field(default_factory=dict)
    # What kept it from getting right.
    never_right: list[str] = field(default_factory=list)
    form: str = ""
    seed: int = 0

    @property
    def good(self) -> bool:
        """Say whether nothing was lost, doubled or wrong, and every try ended right."""
        return not (self.lost or self.doubled or self.wrong or self.never_right)


def result_of(fault: Fault, engine: str, tries: Sequence[Try], never: Sequence[str]) -> Result:
    """Add up tries."""
    seconds = [each.seconds for each in tries]
    return Result(
        fault.name,
        fault.what,
        engine,
        len(tries) + len(never),
        sum(each.lost for each in tries),
        sum(each.doubled for each in tries),
        sum(each.wrong for each in tries),
        round(median(seconds), 2) if seconds else None,
        round(max(seconds), 2) if seconds else None,
        fault.ends_by,
        dict(Counter(each.note for each in tries if each.note).most_common()),
        list(never),
    )


def merged(before: Sequence[Result], now: Sequence[Result]) -> list[Result]:
    """Return the results of now, and those of before that nothing has taken the place of."""
    replaced = {(each.fault, each.engine) for each in now}
    return [each for each in before if (each.fault, each.engine) not in replaced] + list(now)


def save(path: Path, results: Sequence[Result]) -> None:
    """Write a JSON list, at once: a reader sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.write_text(json.dumps([asdict(each) for each in results], indent=1) + "\n", "utf-8")
    new.replace(path)


def load(path: Path) -> list[Result]:
    """Read a file that `save` wrote; raises ConfigurationError when it is another."""
    try:
        return [Result(**each) for each in json.loads(path.read_text("utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise ConfigurationError(
            f"{path} is not a list of results: {error}; `make faults` without --keep writes it anew"
        ) from error
