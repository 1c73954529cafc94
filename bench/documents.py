"""What the documentation says of the results: tables and pictures."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from bench.block import rewritten
from bench.results import load

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results.json"
# The pages with a table, and the results that it has; none named, all that have a target.
PAGES: Mapping[Path, Collection[str]] = {
    ROOT / "README.md": (
        "writing.empty",
        "storage.minutes_compressed",
        "refreshing.one_hour",
        "api.year_by_day.p95",
        "memory.whole_history",
    ),
    ROOT / "docs" / "explanation" / "speed.md": (),
}
PICTURES = ROOT / "docs" / "pictures"


def write_documents(say: Callable[[str], None]) -> None:
    """Bring the tables and the pictures in step with `bench/results.json`; safe to repeat."""
    # Only here: the quick size and most tests do without the library that draws.
    from bench.pictures import draw_all

    results = load(RESULTS)
    for page, only in PAGES.items():
        page.write_text(rewritten(page.read_text("utf-8"), results, only), encoding="utf-8")
    for name in draw_all(results, PICTURES):
        say(f"{name} is as it was: nothing was measured for it")
    say("the tables and docs/pictures are what bench/results.json says")
