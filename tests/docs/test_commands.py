"""Every command of the documents is run by a test, here or where `mapping` says."""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import pytest
import yaml

from bench.__main__ import _parser as bench_parser
from promtsdb_dagster.adapters.migrations import load_migrations
from promtsdb_dagster.adapters.rulefiles import load_groups, load_routing
from promtsdb_dagster.cli import _parser
from promtsdb_dagster.defs.groups import backfill_groups
from promtsdb_dagster.settings import JWT_SECRET_LENGTH, ROOT
from tests.compose import MAIN, OVERLAY, services, variables
from tests.docs.mapping import CI, COMMANDS, EXPORT, PORTABLE, READ_ONLY, RULES
from tests.docs.reading import PAGES, Block, blocks, commands, name, spans

EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
WRITTEN: list[tuple[Block, str]] = [
    (block, command)
    for page in PAGES
    if page.exists()
    for block in blocks(page, "sh")
    for command in commands(block)
]
MAKE = sorted({command for _, command in WRITTEN if command.startswith("make ")})
VERBS = {"up", "down", "logs", "run", "exec", "ps", "restart"}


def first_line(command: str) -> str:
    return command.splitlines()[0].strip()


def mapped_to(test: str) -> list[str]:
    """Return the commands of a test, each once, in the order of the pages."""
    return list(dict.fromkeys(c for _, c in WRITTEN if COMMANDS.get(first_line(c)) == test))


def test_every_command_is_run_by_a_test() -> None:
    missing = {first_line(c): block.where for block, c in WRITTEN if first_line(c) not in COMMANDS}
    assert not missing, f"say in tests/docs/mapping.py which test runs {missing}"


def test_every_entry_is_a_command_of_the_documents() -> None:
    assert not COMMANDS.keys() - {first_line(command) for _, command in WRITTEN}


def test_a_first_line_names_one_command() -> None:
    seen: dict[str, str] = {}
    for _, command in WRITTEN:
        assert seen.setdefault(first_line(command), command) == command


@pytest.mark.parametrize("test", sorted(set(COMMANDS.values()) - {CI}))
def test_every_test_that_is_named_exists(test: str) -> None:
    path, _, function = test.partition("::")
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_continuous_integration_runs_what_it_is_said_to_run() -> None:
    lines = [line.strip() for line in (ROOT / CI).read_text(encoding="utf-8").splitlines()]
    assert set(mapped_to(CI)) <= set(lines)


def arguments_of(command: str) -> list[str] | None:
    """Return the arguments with which a make command calls ours, or None for another program."""
    told = subprocess.run(
        ["bash", "-c", re.sub(r"^make ", "make --dry-run --old-file setup ", command)],
        cwd=ROOT, env={**os.environ, "OLD_URL": "postgresql://old"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    for line in told.stdout.splitlines():
        _, ours, arguments = line.partition("-m promtsdb_dagster.cli ")
        if ours:
            return shlex.split(arguments)
    return None


@pytest.mark.parametrize("command", MAKE)
def test_a_make_command_is_one_that_our_programs_take(command: str) -> None:
    arguments = arguments_of(command)
    if arguments is not None:
        # Ends with SystemExit when the command line has no such command or option.
        _parser().parse_args(arguments)


def test_options_of_the_benchmarks_are_taken() -> None:
    for command in mapped_to(COMMANDS["make bench"]):
        given = dict(word.split("=", 1) for word in shlex.split(command)[2:])
        size, more = given.get("SIZE", "full"), shlex.split(given.get("ARGS", ""))
        bench_parser().parse_args(["--size", size, *more])


def shell(script: str, folder: Path, **environment: str) -> str:
    """Run a script in a folder and return what it printed."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder, env={**os.environ, **environment},
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def exported(command: str, folder: Path) -> dict[str, str]:
    """Return the variables that a command sets or changes."""
    lines = shell(f"{command}\nenv -0", folder).split("\0")
    after = dict(line.split("=", 1) for line in lines if "=" in line)
    return {key: value for key, value in after.items() if os.environ.get(key) != value}


@pytest.mark.parametrize("command", mapped_to(EXPORT))
def test_what_is_exported_is_read_by_somebody(command: str, tmp_path: Path) -> None:
    [variable] = re.findall(r"^export ([A-Z_]+)=", command)
    shell(command, tmp_path)
    used = {variable for _, c in WRITTEN for variable in re.findall(r"\$([A-Z_]+)", c)}
    documented = set(re.findall(r"^#?([A-Z_]+)=", EXAMPLE, re.MULTILINE))
    assert variable in used | documented


def test_the_secrets_that_are_made_are_those_that_compose_requires(tmp_path: Path) -> None:
    [command] = [c for _, c in WRITTEN if c.startswith("for name in POSTGRES_PASSWORD")]
    made = exported(command, tmp_path)
    wanted = variables(MAIN, ":?") - {"DATASOURCE_URL"}
    assert made.keys() >= wanted
    assert len({made[variable] for variable in wanted}) == len(wanted)
    assert min(len(made[variable]) for variable in wanted) >= JWT_SECRET_LENGTH


COMPOSE = [
    *mapped_to(READ_ONLY),
    *sorted({span for page in PAGES if page.exists() for span in spans(page)
             if span.startswith(("dc ", "docker compose "))}),
]  # fmt: skip


@pytest.mark.parametrize("command", COMPOSE)
def test_a_compose_command_names_what_exists(command: str) -> None:
    words = shlex.split(command.replace("docker compose", "dc"))[1:]
    files = [MAIN]
    while words and words[0] == "-f":
        files.append(ROOT / words[1])
        assert files[-1].is_file()
        words = words[2:]
    if not words:
        return
    verb, rest = words[0], words[1:]
    assert verb in VERBS
    known = services().keys() | services(OVERLAY).keys()
    if verb in ("logs", "run", "exec", "restart"):
        assert known & set(rest)
    if verb in ("run", "exec") and "dagster-code" in rest:
        program, *arguments = rest[rest.index("dagster-code") + 1 :]
        assert program == "promtsdb"
        if arguments != ["..."]:
            _parser().parse_args(arguments)


def test_the_table_of_equals_is_there() -> None:
    page = ROOT / "docs/how-to/run-in-production-with-compose.md"
    _, heading, after = page.read_text(encoding="utf-8").partition(
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


def checkout(folder: Path, *parts: str) -> Path:
    """Return a folder in which commands find what they name, and may write beside it."""
    for part in parts:
        (folder / part).symlink_to(ROOT / part)
    return folder


def test_rules_of_ones_own_are_rendered_and_checked(tmp_path: Path) -> None:
    page = ROOT / "docs/how-to/use-your-own-rules.md"
    definitions, routing, by_hand = (block.text for block in blocks(page, "yaml"))
    folder = checkout(tmp_path, ".venv", "promtsdb_dagster")
    script = mapped_to(RULES)
    assert [command.split()[0] for command in script[:2]] == ["mkdir", "export"]
    shell("\n".join(script[:2]), folder)
    (folder / "my-rules/metrics.yaml").write_text(definitions)
    (folder / "my-rules/routing.yaml").write_text(routing)
    told = shell("\n".join(script[1:]), folder)
    assert "ok: " in told
    groups = {group.rules for group in backfill_groups(datetime(2026, 1, 1, tzinfo=timezone.utc))}
    rendered = load_groups(folder / "my-rules", required=groups)
    assert load_routing(folder / "my-rules").cumulative == {"requests"}

    shutil.rmtree(folder / "my-rules")
    shell(script[0], folder)
    (folder / "my-rules/rules.yaml").write_text(by_hand)
    (folder / "my-rules/routing.yaml").write_text(routing)
    shell("\n".join(script[-1:]), folder)
    written = load_groups(folder / "my-rules", required=groups)
    for group, rules in written.items():
        assert rules.step == rendered[group].step
        assert {r.record for r in rules.rules} == {r.record for r in rendered[group].rules}


def test_one_folder_for_golang_migrate(tmp_path: Path) -> None:
    shell("\n".join(mapped_to(PORTABLE)), checkout(tmp_path, "sql"))
    for migration in load_migrations(ROOT / "sql"):
        file = tmp_path / "all" / Path(migration.path("postgresql", "up")).name
        assert file.read_text(encoding="utf-8") == migration.up_text("postgresql")


def test_the_launchers_that_are_shown_fit_our_settings() -> None:
    """Their packages are not installed here, so only the form is compared."""
    page = ROOT / "docs/how-to/scale-out.md"
    ours = yaml.safe_load((ROOT / "docker/dagster/dagster.docker-launcher.yaml").read_text("utf-8"))
    for block in blocks(page, "yaml"):
        shown = yaml.safe_load(block.text)
        assert shown.keys() == {"run_launcher"}
        assert shown["run_launcher"].keys() == ours["run_launcher"].keys(), name(page)
