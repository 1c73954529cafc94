"""What the documents call by name exists: assets, variables, functions, options, files."""

from __future__ import annotations

import argparse
import re
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from bench.__main__ import _parser as bench_parser
from promtsdb_dagster.cli import _parser
from promtsdb_dagster.settings import ROOT
from tests.docs.reading import PAGES, blocks, name, spans

TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
# Written from the code or from results, and compared with them by other tests.
GENERATED = frozenset(
    f"docs/reference/{page}.md"
    for page in ("api", "assets", "commands", "errors", "faults", "licences", "metrics",
                 "privileges", "sensors", "settings")
)  # fmt: skip
WRITTEN = [page for page in PAGES if name(page) not in GENERATED]
# What has no Python, SQL or configuration of ours in it.
NOT_CODE = (".md", ".svg", ".png", ".json", ".sum")
# A word that only a program would spell so: with an underscore, or in capitals.
WORD = re.compile(r"\b(?:[A-Za-z0-9]+_[A-Za-z0-9_]*[A-Za-z0-9]|[A-Z][A-Z0-9]{3,})\b")
# Names of other programs' things, which nothing of ours spells.
FOREIGN = frozenset({
    "SHOW", "celery_executor", "pg_read_all_data", "pg_upgrade", "promtsdb_timescaledb",
    "protobuf_message", "security_barrier", "target_session_attrs",
})  # fmt: skip
OPTIONS = frozenset({"--env-file", "--query.timeout"})
# What stands before the slash in keys of assets, and in our tags of runs.
NOT_FOLDERS = frozenset({"cumsum", "dagster", "geo", "internal", "promtsdb"})


@cache
def vocabulary() -> frozenset[str]:
    """Return every word of the code and of the names of files, but for tests and documents."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    words = set(re.findall(r"\w+", "\n".join(listed)))
    for path in listed:
        if path and not path.endswith(NOT_CODE) and not path.startswith(("fuzz/corpus", "tests/")):
            file = ROOT / path
            if file.is_file():
                words.update(re.findall(r"\w+", file.read_text(encoding="utf-8", errors="replace")))
    return frozenset(words)


@pytest.mark.parametrize("page", WRITTEN, ids=name)
def test_every_word_of_a_program_is_one_of_the_code(page: Path) -> None:
    said = {word for span in spans(page) for word in WORD.findall(span)}
    typed = {word for block in blocks(page, "sh") for word in WORD.findall(block.text)}
    yours = {word for word in said if word.startswith("my_")}
    assert not sorted(said - vocabulary() - FOREIGN - typed - yours)


def test_foreign_words_are_named_somewhere() -> None:
    said = {word for page in WRITTEN for span in spans(page) for word in WORD.findall(span)}
    assert not FOREIGN - said


@pytest.mark.parametrize("page", WRITTEN, ids=name)
def test_every_command_in_a_sentence_is_one_that_is_taken(page: Path) -> None:
    for span in spans(page):
        words = re.sub(r"\bdc\b.*\bdagster-code (?=promtsdb)", "", span)
        for target in re.findall(r"\bmake ([a-z]+)", words):
            assert target in TARGETS, span
        if words.startswith("promtsdb "):
            command, *rest = words.split()[1:]
            options = {word for word in rest if word.startswith("--")}
            assert options <= options_of()[command], span
        if words.startswith("python -m bench "):
            bench_parser().parse_args(words.split()[3:])


@pytest.mark.parametrize("page", WRITTEN, ids=name)
def test_every_option_in_a_sentence_is_one_of_ours(page: Path) -> None:
    ours = set().union(*options_of().values(), bench_parser()._option_string_actions)
    said = {span.split("=")[0] for span in spans(page) if re.fullmatch(r"--[a-z.-]+", span)}
    assert not sorted(said - ours - OPTIONS)


@cache
def options_of() -> Mapping[str, frozenset[str]]:
    """Return the options of each of our commands."""
    [commands] = [a for a in _parser()._actions if isinstance(a, argparse._SubParsersAction)]
    return {
        command: frozenset(parser._option_string_actions)
        for command, parser in commands.choices.items()
    }


@pytest.mark.parametrize("page", WRITTEN, ids=name)
def test_every_path_in_a_sentence_is_there(page: Path) -> None:
    others = (".local/", ".venv/", "my-rules/", "tools/bin/", "timescale/")
    for span in spans(page):
        if re.fullmatch(r"\.?[\w-]+/[\w./-]*", span) and not span.startswith(others):
            assert (ROOT / span).exists() or span.split("/")[0] in NOT_FOLDERS, span
