"""What the documentation says is what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from bench import block, words
from bench.documents import PAGES, RESULTS
from bench.results import Result, at_least, at_most, load, told
from bench.table import line, number, results_table
from promtsdb_dagster.errors import ConfigurationError

MACHINE = {"cores": 2, "postgresql": "15.20"}
RESULT = at_least("first | load", "postgresql", 0.3141, 0.22, unit="of COPY", machine=MACHINE)
MISSED = at_least("first | load", "timescaledb", 0.2, 0.22, unit="of COPY", size="full")
LOADING = at_most("loading", "any", 1.25, 2, unit="s")
TOLD = told("aside", "any", 5, unit="s")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_says_what_the_results_say(page: Path) -> None:
    results = load(RESULTS) if RESULTS.exists() else []
    if any(each.detail.get("size") != "full" for each in results):
        pytest.skip("bench/results.json is not of the full size: `git checkout` brings it back")
    text = page.read_text(encoding="utf-8")
    rewritten = block.rewritten(text, results, PAGES[page])
    assert rewritten == text, "`python -m bench --document` mends it"
    assert set(PAGES[page]) <= {each.name for each in results}


def test_a_short_table_has_what_is_named() -> None:
    short = block.block([RESULT, LOADING], ["loading"])
    assert "| loading |" in short
    assert "first" not in short


def test_the_block_has_a_line_for_each_target() -> None:
    assert block.block([RESULT, MISSED, LOADING, TOLD]) == (
        "Measured on 2 cores, PostgreSQL 15.20, size full.\n"
        "\n"
        "| what | target | PostgreSQL | TimescaleDB |\n"
        "| --- | --- | --- | --- |\n"
        "| first \\| load | >= 0.22 of COPY | 0.314 | **0.2**, missed |\n"
        "| loading | <= 2 s | 1.25 | 1.25 |\n"
    )


def test_only_the_block_is_rewritten() -> None:
    text = f"# Title\n{block.BEGIN}old\n{block.END}after\n"
    new = block.rewritten(text, [LOADING])
    assert new.startswith(f"# Title\n{block.BEGIN}Measured on")
    assert new.endswith(f"| 1.25 |\n{block.END}after\n")
    assert block.rewritten(new, [LOADING]) == new


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="lost its marks"):
        block.rewritten("# Title\n", [])


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.03456, "0.0346"), (0.22, "0.22"), (12.34, "12.3"), (99.96, "100"),
     (123456.7, "123,457"), (0.0000123, "1.23e-05")],
)  # fmt: skip
def test_numbers_have_three_digits_that_matter(value: float, text: str) -> None:
    assert number(value) == text


def test_the_table_has_every_result() -> None:
    console = Console(width=120, record=True)
    console.print(results_table([RESULT, MISSED, TOLD]))
    shown = console.export_text()
    for part in ("first | load", "0.314", ">= 0.22", "yes", "no", "aside"):
        assert part in shown
    assert line(LOADING) == "  loading: 1.25 s, target <= 2: yes"
    assert line(Result("a", "postgresql", 1, "s")) == "  a (postgresql): 1 s"


def test_no_two_results_are_called_the_same() -> None:
    """A picture has a row for each title."""
    assert len(set(words._TITLES.values())) == len(words._TITLES)
    assert words.title("api.some.thing_new") == "api: some.thing new"
