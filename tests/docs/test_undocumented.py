"""What has no words yet: each test lists it, and where the words belong."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg

from docgen.api_catalog import functions
from docgen.command_lines import MODULES, modules, promtsdb, targets
from docgen.commands import SCRIPTS
from docgen.env_file import variables
from docgen.environment_uses import read_somewhere
from docgen.errors import advice, meaning
from docgen.metrics import definitions
from docgen.raised import classes, messages
from docgen.settings import OTHERS
from docgen.sql_errors import raised
from docgen.statuses import DROPPED, EXITS, HTTP
from promtsdb_dagster import cli, errors
from promtsdb_dagster.settings import ROOT
from tests.fix_postgres import ScratchDatabase

# Started by others of ours, never by a person.
INNER = {
    "bench.child",
    "bench.one_run",
    "faults.worker",
    "fuzz.child",
    "promtsdb_dagster.cli",
    "promtsdb_dagster.localstack.exporter",
}


def test_every_variable_that_something_reads() -> None:
    found = read_somewhere()
    assert len(found) > 60
    known = {each.name for each in variables()} | set(OTHERS)
    lacking = {name: file for name, file in found.items() if name not in known}
    assert not lacking, "in .env.example, or in docgen/settings.py what nobody sets by hand"
    assert not known - set(found), "nothing reads these any more"
    assert not [each.name for each in variables() if not each.what or not each.default]


def test_every_function_of_the_api(plain_database: ScratchDatabase) -> None:
    with psycopg.connect(plain_database.url) as connection:
        found = functions(connection)
    assert len(found) > 20
    lacking = [each.name for each in found if not each.summary or not each.description]
    lacking += [
        f"{each.name}({name})"
        for each in found
        for name in each.arguments
        if not each.argument(name)
    ]
    assert not lacking, "COMMENT ON FUNCTION says it, arguments as `p_name: ...`"


def test_every_error_of_the_pipeline() -> None:
    assert len(classes()) > 15
    assert not [each.__name__ for each in classes() if not meaning(each)]
    assert not [each.__name__ for each in classes()[1:] if not advice(each)], "errors.py"
    overview = errors.__doc__ or ""
    assert not [each.__name__ for each in classes() if each.__name__ not in overview], "errors.py"
    # That they are found at all.
    assert sum(map(len, messages().values())) > 150


def test_every_reason_to_leave_a_sample_out() -> None:
    text = (ROOT / "promtsdb_dagster/core/samples.py").read_text(encoding="utf-8")
    counted = [line for line in text.splitlines() if re.search(r"dropped(\[| \+=)", line)]
    assert {name for line in counted for name in re.findall(r'"([^"]+)"', line)} == set(DROPPED)


def test_every_error_of_the_database(plain_database: ScratchDatabase) -> None:
    told = {each.by for each in raised()}
    with psycopg.connect(plain_database.url) as connection:
        rows = connection.execute(
            "SELECT p.pronamespace::regnamespace || '.' || p.proname FROM pg_proc p"
            " WHERE p.pronamespace::regnamespace::text = ANY"
            " ('{api,internal,cumsum,geo,staging_internal,staging_cumsum}')"
            " AND p.prosrc ~ 'RAISE (EXCEPTION|USING)'"
        ).fetchall()
    assert rows
    assert {str(name) for (name,) in rows} <= told
    assert not [each for each in raised() if not re.fullmatch(r"[0-9A-Z]{5}", each.state)]
    lacking = [e for e in raised() if not e.message or not (e.hint or "wanted" in e.message)]
    assert not lacking, "HINT says what to do"


def test_every_status() -> None:
    caddy = (ROOT / "docker/caddy/Caddyfile").read_text(encoding="utf-8")
    answered = {
        int(code) for code in re.findall(r"(?:respond|error)\b.* ([2-5]\d\d)$", caddy, re.M)
    }
    answered |= {int(each.state[2:]) for each in raised() if each.state.startswith("PT")}
    tests = ROOT / "tests" / "integration"
    for name in ("caddy", "postgrest", "postgrest_limits", "security_http"):
        text = (tests / f"test_{name}.py").read_text(encoding="utf-8")
        answered |= {int(code) for code in re.findall(r"\b([2-5]\d\d)\b(?=[,)\]]| *$)", text)} & {
            *range(200, 206), *range(400, 432), *range(500, 505)}  # fmt: skip
    assert len(answered) > 8
    assert answered <= set(HTTP)
    assert {cli.FAILED, cli.REFUSED, cli.INTERRUPTED} == {1, 2, 130}
    assert {f"python -m {name}" for name in MODULES} == set(EXITS)


def test_every_command_option_and_target() -> None:
    commands = [*promtsdb(), *modules()]
    lacking = [each.name for each in commands if not each.text]
    lacking += [f"{c.name} {o.usage}" for c in commands for o in c.options if not o.text]
    assert not lacking, "help= says it"
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    wanted = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    assert {each.name for each in targets()} == wanted, "## says what a target does"
    assert not [each.name for each in targets() if not each.text]


def test_every_module_and_script_that_a_person_runs() -> None:
    found = set()
    for package in ("promtsdb_dagster", "bench", "docgen", "faults", "fuzz", "pictures"):
        for path in (ROOT / package).rglob("*.py"):
            if re.search(r"^if __name__ == ", path.read_text(encoding="utf-8"), re.MULTILINE):
                found.add(_module(path))
    assert found - INNER == set(MODULES)
    scripts = {f"scripts/{path.name}" for path in (ROOT / "scripts").iterdir() if path.is_file()}
    assert scripts <= set(SCRIPTS)


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__main__" else parts)


def test_every_metric() -> None:
    found = definitions().definitions
    assert len({each.record for each in found}) > 40
    lacking = {each.record for each in found if not each.about}
    assert not lacking, "`about` in rules/metrics.yaml"
