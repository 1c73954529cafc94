"""What the fuzzers found stays found: every kept input passes, without atheris."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from fuzz.catalog import BY_NAME, CORPUS, CORPUS_FILE_BYTES, TARGETS, Target
from fuzz.kept import MOST_BYTES, MOST_FILES
from fuzz.mutating import json_mutator
from fuzz.targets.layout import every_row_is_copied_once
from fuzz.targets.samples import decimals_read_back, rows_are_the_samples

_ROUNDS = 40


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_every_kept_input_passes(target: Target) -> None:
    check = target.load()
    files = sorted(target.corpus.iterdir())
    assert files
    for file in files:
        try:
            check(file.read_bytes())
        except Exception as error:
            error.args = (f"{file.relative_to(CORPUS)}: {error}",)
            raise


def test_the_corpus_is_small_and_of_known_targets() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} == set(BY_NAME)
    for target in TARGETS:
        sizes = [file.stat().st_size for file in target.corpus.iterdir()]
        assert len(sizes) <= MOST_FILES
        assert max(sizes) <= CORPUS_FILE_BYTES
        assert sum(sizes) <= MOST_BYTES + CORPUS_FILE_BYTES


@pytest.mark.parametrize("target", [t for t in TARGETS if t.json], ids=lambda target: target.name)
def test_answers_of_another_shape_pass_too(target: Target) -> None:
    """Each kept answer, changed at one to four places."""
    check = target.load()
    change = json_mutator(lambda data, _: data)
    chance = random.Random(7)
    for file in sorted(target.corpus.iterdir()):
        for _ in range(_ROUNDS):
            data = file.read_bytes()
            for _ in range(chance.randint(1, 4)):
                data = change(data, CORPUS_FILE_BYTES, chance.randrange(2**32))
            try:
                check(data)
            except Exception as error:
                error.args = (f"{data!r}: {error}",)
                raise


@pytest.mark.parametrize(
    "holds",
    [rows_are_the_samples, decimals_read_back, every_row_is_copied_once],
    ids=lambda holds: str(holds.__name__),
)
def test_what_must_hold_holds_for_what_hypothesis_makes(holds: Callable[[], None]) -> None:
    holds()


def test_answers_are_changed_at_all() -> None:
    body = (BY_NAME["source"].corpus / "whole").read_bytes()
    change = json_mutator(lambda data, _: data)
    assert len({change(body, CORPUS_FILE_BYTES, seed) for seed in range(100)}) > 30
