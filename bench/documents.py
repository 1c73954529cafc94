"""What the documentation says of the results: the README's table, and pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.readme import rewritten
from bench.results import load

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results.json"
README = ROOT / "README.md"
PICTURES = ROOT / "docs" / "pictures"


def write_documents(say: Callable[[str], None]) -> None:
    """Bring the README and the pictures in step with `bench/results.json`; safe to repeat."""
    # Only here: the quick size and most tests do without the library that draws.
    from bench.pictures import draw_all

    results = load(RESULTS)
    README.write_text(rewritten(README.read_text("utf-8"), results), encoding="utf-8")
    for name in draw_all(results, PICTURES):
        say(f"{name} is as it was: nothing was measured for it")
    say("README.md and docs/pictures are what bench/results.json says")
