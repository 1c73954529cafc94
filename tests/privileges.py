"""Who may do what with every object of a deployed database, as a page.

`python -m tests.privileges --write` brings docs/reference/privileges.md in step.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg

from promtsdb_dagster.adapters.migrations import Migrator, load_migrations
from promtsdb_dagster.settings import ROOT
from tests.fix_postgres import SQL_DIR, Cluster, ScratchDatabase, running_cluster
from tests.fix_telegraf import as_role, make_service_roles, psql_program
from tests.privileges_sql import DEFINERS, OBJECTS, ROLES

PAGE = ROOT / "docs" / "reference" / "privileges.md"
INIT = ROOT / "docker" / "timescaledb" / "init.sh"
OWNER = "promtsdb"
SECRETS = {"OWNER_PASSWORD": "own3r's", "DAGSTER_DB_PASSWORD": 'dag"ster'}
ENGINES = {"postgresql": "PostgreSQL", "timescaledb": "TimescaleDB"}
KINDS = {
    "database": "The database",
    "schema": "Schemas",
    "relation": "Tables and views",
    "column": "Rights on single columns",
    "sequence": "Sequences",
    "function": "Functions",
    "type": "Types",
    "default": "Default privileges",
    "changed": "Objects of PostgreSQL and of extensions whose rights were changed",
    "other": "Large objects, parameters, languages, foreign servers, publications, event triggers, "
    "security policies",
}
INTRODUCTION = """\
Written by `python -m tests.privileges --write` from a database that was made as Compose makes it,
on both engines; `tests/integration/test_privileges.py` compares. Extensions' own objects are left
out unless their rights were changed. The role `promtsdb` owns everything and may do everything with
it. What is in bold are the rights of all others on what stands below it, those that a role has
itself or inherits; PUBLIC is everybody. `_N` stands for a number that TimescaleDB gives.
""".splitlines()
ABOUT_ROLES = """\
`postgrest` inherits nothing: it has the rights of `web_anon` or `writer` only once it became one of
them. `authenticator` is there for who wants the name that PostgREST's manual uses.
""".splitlines()
# Why each function that works with the rights of the owner does so.
REASONS = {
    "api.add_excluded_address(text)": "`writer` calls it; it checks and changes the list",
    "api.rm_excluded_address(text)": "`writer` calls it; it checks and changes the list",
    "api.get_": "`web_anon` calls it; callers get answers and read no table",
    "internal.flush_staged_rows()": "Telegraf's insert fires it; rows move on to where "
    "Telegraf may not write",
    "internal.flush_staged_tags()": "Telegraf's insert fires it; tags move on to where "
    "Telegraf may not write",
}
# (engine, kind, object, owner, rights): rights read `role: SELECT, INSERT; role: ...`.
Found = tuple[str, str, str, str, str]


@contextmanager
def deployed(engine: str, folder: Path) -> Iterator[tuple[Cluster, str]]:
    """Run a cluster made as the image makes it; lend it and the owner's URL of its database."""
    with running_cluster(engine, {"log_statement": "all"}) as cluster:
        environment = {
            "PATH": f"{Path(psql_program()).parent}:{os.environ['PATH']}",
            **SECRETS,
            "PGHOST": "127.0.0.1",
            "PGPORT": str(cluster.port),
            "POSTGRES_USER": "postgres",
        }
        subprocess.run([str(INIT)], env=environment, check=True, capture_output=True, cwd=folder)
        owner = as_role(cluster.url("metrics"), OWNER, "own3r")
        # Before the migrations and after them; each leaves what the other needs.
        make_service_roles(owner)
        with ScratchDatabase(owner) as database:
            Migrator(database, load_migrations(SQL_DIR)).up()
        make_service_roles(owner)
        yield cluster, owner


def objects(connection: psycopg.Connection, engine: str) -> set[Found]:
    """Return every object that is not an extension's, its owner and who may do what with it."""
    rows = connection.execute(OBJECTS).fetchall()
    return {(engine, str(k), str(n), str(o), str(r)) for k, n, o, r in rows}


def roles(connection: psycopg.Connection) -> list[tuple[str, ...]]:
    """Return each role but superusers: attributes, what it may become, its settings."""
    return [tuple(map(str, row)) for row in connection.execute(ROLES).fetchall()]


def definers(connection: psycopg.Connection) -> list[tuple[str, str, str]]:
    """Return each SECURITY DEFINER function that is no extension's: name, owner, settings."""
    return [(str(n), str(o), str(s)) for n, o, s in connection.execute(DEFINERS).fetchall()]


def reason(function: str) -> str | None:
    """Return why a function works with the rights of its owner, when that was decided."""
    return next((text for name, text in REASONS.items() if function.startswith(name)), None)


def page(
    found: Iterable[Found],
    people: Sequence[tuple[str, ...]],
    trusted: Sequence[tuple[str, str, str]],
) -> str:
    """Return the page; what is on one engine only says so."""
    lines = [
        "# Privileges",
        "",
        *INTRODUCTION,
        "",
        "## Roles",
        "",
        "| role | attributes | member of | settings |",
        "| --- | --- | --- | --- |",
        *(f"| `{name}` | {' | '.join(rest)} |" for name, *rest in people),
        "",
        *ABOUT_ROLES,
        "",
    ]
    for kind, title in KINDS.items():
        lines += [f"## {title}", "", *_section(f for f in found if f[1] == kind), ""]
    lines += ["## Functions with the rights of their owner (SECURITY DEFINER)", ""]
    lines += ["| function | owner | pinned | why |", "| --- | --- | --- | --- |"]
    lines += [f"| `{n}` | `{o}` | {s} | {reason(n)} |" for n, o, s in trusted]
    return "\n".join(lines) + "\n"


def _section(found: Iterable[Found]) -> Iterator[str]:
    by_rights: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for engine, _, name, _, rights in found:
        by_rights[rights][name].add(engine)
    if not by_rights:
        yield "None."
    for number, (rights, names) in enumerate(sorted(by_rights.items())):
        if number:
            yield ""
        yield _shown(rights)
        yield ""
        yield from (f"* `{name}`{_where(engines)}" for name, engines in sorted(names.items()))


def _shown(rights: str) -> str:
    return f"**{rights or 'The owner alone'}**"


def _where(engines: set[str]) -> str:
    return "" if engines == set(ENGINES) else f" ({', '.join(ENGINES[e] for e in sorted(engines))})"


def write(folder: Path) -> None:
    """Write the page."""
    found: set[Found] = set()
    people: dict[str, list[tuple[str, ...]]] = {}
    trusted: set[tuple[str, str, str]] = set()
    for engine in ENGINES:
        with (
            deployed(engine, folder) as (cluster, _),
            psycopg.connect(cluster.url("metrics")) as connection,
        ):
            found |= objects(connection, engine)
            people[engine] = roles(connection)
            trusted |= set(definers(connection))
    PAGE.write_text(page(found, people["timescaledb"], sorted(trusted)), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python -m tests.privileges --write")
    write(Path.cwd())
