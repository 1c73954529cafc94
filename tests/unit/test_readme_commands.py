"""What the README says people type exists."""

from __future__ import annotations

import re
import shlex

import pytest

from promtsdb_dagster.cli import _parser
from promtsdb_dagster.settings import ROOT
from tests.compose import OVERLAY, services

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMPOSE = sorted(set(re.findall(r"`(dc [^`]+)`", README)))
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def test_the_table_of_equals_is_there() -> None:
    _, heading, after = README.partition(
        "| | with Compose | without Docker |\n| --- | --- | --- |\n"
    )
    assert heading
    rows = []
    for line in after.partition("\n\n")[0].splitlines():
        row = re.fullmatch(r"\| ([^|]+) \| ([^|]+) \| ([^|]+) \|", line)
        assert row, line
        rows.append(row.groups())
    wanted = {"start everything", "logs", "migrate only", "backfill only", "refresh only", "tests"}
    assert wanted | {"psql", "health"} <= {name for name, *_ in rows}


@pytest.mark.parametrize("command", COMPOSE)
def test_a_compose_command_names_what_exists(command: str) -> None:
    words = [word for word in shlex.split(command)[1:] if word != "..."]
    verb, rest = words[0], words[1:]
    assert verb in {"up", "down", "logs", "run", "exec", "ps", "restart"}
    if verb in ("logs", "run", "exec", "restart"):
        names = [word for word in rest if word in services() or word in services(OVERLAY)]
        assert names
    if "dagster-code" in rest:
        program, *arguments = rest[rest.index("dagster-code") + 1 :]
        assert program == "promtsdb"
        if arguments:
            # Ends with SystemExit when the command line has no such command or option.
            _parser().parse_args(arguments)


def test_every_make_target_of_the_readme_exists() -> None:
    assert set(re.findall(r"\bmake ([a-z]+)\b(?=[` ]|$)", README)) <= TARGETS


def test_every_compose_file_of_the_readme_exists() -> None:
    for path in re.findall(r"-f (docker/\S+\.yaml)", README):
        assert (ROOT / path).exists()
