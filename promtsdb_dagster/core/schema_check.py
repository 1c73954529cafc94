"""Judge whether a database has the objects that the migrations make."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from promtsdb_dagster.core.migrations import Engine, Migration
from promtsdb_dagster.core.verdicts import Verdict, some

_MADE = re.compile(r"^CREATE (?:OR REPLACE )?(?:FUNCTION|PROCEDURE) ([a-z_]+\.[a-z0-9_]+)", re.M)
_DROPPED = re.compile(r"^DROP (?:FUNCTION|PROCEDURE) (?:IF EXISTS )?([a-z_]+\.[a-z0-9_]+)", re.M)
# Everything between dollar quotes, in which others may stand.
_BODY = re.compile(r"\$(\w*)\$(.*?)\$\1\$", re.S)
_HOW = "; if you meant it, make it a migration"
_SWITCH_ON = (
    "; ALTER TABLE ... ENABLE TRIGGER, REINDEX INDEX or VALIDATE CONSTRAINT, then run the checks "
    "`empty` and `agrees_with_rows` for what came meanwhile"
)


@dataclass(frozen=True)
class Objects:
    """Hold what a database has."""

    # By schema.name; overloads in one list. What is parsed when it is created has no text.
    functions: Mapping[str, Sequence[str]]
    # Triggers that are switched off, indexes and constraints that are not valid.
    disabled: Sequence[str]


def judge_schema(migrations: Sequence[Migration], engine: Engine, objects: Objects) -> Verdict:
    """Say which functions are not those of the files, and what is switched off."""
    made: dict[str, Migration] = {}
    bodies: defaultdict[str, list[set[str]]] = defaultdict(list)
    for migration in migrations:
        text = migration.up_text(engine)
        for name in _DROPPED.findall(text):
            made.pop(name, None)
        here = {found.group(2) for found in _BODY.finditer(text)}
        for name in _MADE.findall(text):
            made[name] = migration
            bodies[name].append(here)
    lacking = sorted(made.keys() - objects.functions.keys())
    edited = sorted(
        name
        for name in made
        for body in objects.functions.get(name, ())
        if body and not _is_known(body, bodies[name], len(objects.functions[name]))
    )
    severe = [
        f"{what}: {some(names)}{then}"
        for what, names, then in (
            ("functions are gone", lacking, f"; {_again(lacking, made, engine)}"),
            (
                "functions are not what the migrations made",
                edited,
                f"; {_again(edited, made, engine)}{_HOW}",
            ),
            (
                "triggers, indexes or constraints are switched off or not valid",
                list(objects.disabled),
                _SWITCH_ON,
            ),
        )
        if names
    ]
    return Verdict(
        f"at version {len(migrations)}, every object as the migrations made it",
        severe,
        facts={
            "version": len(migrations),
            "engine": engine,
            "functions": len(made),
            "objects_gone": len(lacking),
            "objects_changed": len(edited),
            "objects_switched_off": len(objects.disabled),
        },
    )


def _is_known(body: str, editions: Sequence[set[str]], overloads: int) -> bool:
    """Return whether the newest edition has the body; of overloads, any has."""
    return any(body in edition for edition in editions[-1 if overloads == 1 else 0 :])


def _again(names: Sequence[str], made: Mapping[str, Migration], engine: Engine) -> str:
    paths = sorted({made[name].path(engine, "up") for name in names})
    return f"run the statements that make them again, from {some(paths)}"
