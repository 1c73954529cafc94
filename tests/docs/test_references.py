"""The pages of docs/reference/ that are written from the code are what the code says."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from docgen.__main__ import main
from docgen.api import page_of
from docgen.api_catalog import functions
from docgen.api_examples import Example, arguments
from docgen.catalog import PAGES, difference, path_of
from promtsdb_dagster.settings import ROOT
from tests.fix_postgres import Cluster, ScratchDatabase
from tests.fix_postgrest import bearer, running_postgrest, token
from tests.sql.world import World

RUN = "run `make docs`"


@pytest.fixture
def world(cluster: Cluster, database: ScratchDatabase) -> Iterator[World]:
    """Lend an empty database of each engine in turn."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        yield World(connection, cluster.engine)


@pytest.mark.parametrize("name", [name for name in PAGES if name not in ("api", "assets")])
def test_a_page_is_what_the_code_says(name: str) -> None:
    told = difference(name)
    assert not told, f"{told}\n{RUN}"


def test_the_page_of_the_api_is_what_a_database_of_each_engine_answers(world: World) -> None:
    committed = path_of("api").read_text(encoding="utf-8")
    told = difflib.unified_diff(
        committed.splitlines(),
        page_of(world).splitlines(),
        "api.md",
        world.engine,
        n=1,
        lineterm="",
    )
    difference = "\n".join(told)
    assert not difference, f"{difference}\n{RUN}"


def test_postgrest_answers_the_examples_as_the_page_says(
    plain_database: ScratchDatabase, tmp_path: Path
) -> None:
    with psycopg.connect(plain_database.url, autocommit=True) as connection:
        example = Example(World(connection, "postgresql"))
        found = functions(connection)
        answers = {each.name: example.answer(each) for each in found}
    with running_postgrest(plain_database.url, tmp_path) as rest:
        # What writes comes last: its change stays.
        for each in sorted(found, key=lambda function: function.writes):
            given = {name: example.real(text) for name, text in arguments(each).items()}
            path = f"/rpc/{each.name}"
            if each.writes:
                answer = rest.post(path, json=given, headers=bearer(token()))
            else:
                answer = rest.get(path, params=given)
            assert answer.status_code == (200 if answers[each.name] else 204), answer.text
            shown = example.shown(answer.text).replace(", \n", ",\n")
            assert shown == answers[each.name], each.name


def test_check_tells_what_differs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("docgen.catalog.FOLDER", tmp_path)
    assert main(["commands"]) == 0
    assert main(["commands", "--check"]) == 0
    (tmp_path / "commands.md").write_text("# Commands\n", encoding="utf-8")
    assert main(["commands", "--check"]) == 1
    assert "+## make" in capsys.readouterr().out
    assert main(["nothing"]) == 2
    assert "there is no page 'nothing'" in capsys.readouterr().err


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_the_same_on_every_machine(name: str) -> None:
    text = path_of(name).read_text(encoding="utf-8")
    assert str(ROOT) not in text
    assert str(Path.home()) + "/" not in text
    assert not re.search(r"0x[0-9a-f]{8}|<[a-z_.]+ object", text)
