"""Which targets there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

CORPUS = Path(__file__).resolve().parent / "corpus"
CORPUS_FILE_BYTES = 4_096
# Says by which program `fuzz.child` may be started again.
AGAIN = "--again="


@dataclass(frozen=True)
class Target:
    """Name a target; its module has `check(data: bytes) -> object`."""

    name: str
    description: str
    # libFuzzer's longest input.
    longest: int = 2_048
    # Words that chance would take long to find.
    words: tuple[str, ...] = ()
    # A head, a line feed and JSON, which is changed as JSON now and then.
    json: bool = False
    # Read by Hypothesis, for which short inputs are nothing.
    structured: bool = False

    def load(self) -> Callable[[bytes], object]:
        """Return what takes one input; it raises when the input shows a bug."""
        check: Callable[[bytes], object] = import_module(f"fuzz.targets.{self.name}").check
        return check

    @property
    def corpus(self) -> Path:
        """Return the folder of the inputs that are kept."""
        return CORPUS / self.name


_YAML = ("groups:", "name:", "rules:", "record:", "expr:", "labels:", "interval:", "&a", "*a", "<<")
_JSON = (
    '"status"', '"success"', '"data"', '"resultType"', '"matrix"', '"result"', '"metric"',
    '"values"', '"warnings"', '"isPartial"', '"error"', '"__name__"', "1767225600", '"NaN"',
    "200", "422", "gzip", "deflate",
)  # fmt: skip
_HEALTH = (
    '"status"', '"data"', '"result"', '"value"', '"groups"', '"rules"', '"lastError"',
    "internal_write_metrics_written", "internal_write_metrics_dropped", "200", "503",
)  # fmt: skip
_METRICS = ("tiers:", "words:", "metrics:", "select:", "across:", "reduce:", "scale:", "$select")

TARGETS = (
    Target(
        "source",
        "whatever Prometheus may answer: rows, or an error of ours",
        words=_JSON,
        json=True,
    ),
    Target(
        "samples", "answers of the right shape: a sample is its row or counted", structured=True
    ),
    Target(
        "layout", "series to rows to COPY: every row once, in order, as it was", structured=True
    ),
    Target("rules", "rule files: groups, or an error that names the line", words=_YAML),
    Target(
        "templates",
        "metrics.yaml and routing.yaml: files that parse, or an error of ours",
        words=(*_YAML, *_METRICS),
    ),
    Target("words", "durations, instants and settings: a value, or the error that is promised"),
    Target(
        "plans",
        "windows are sets of minutes; running totals count each once",
        # A plan of many actions takes a second.
        longest=256,
        structured=True,
    ),
    Target(
        "replies",
        "what services answer and vmalert logs: no error, no secret",
        words=_HEALTH,
        json=True,
    ),
)
BY_NAME = {target.name: target for target in TARGETS}
