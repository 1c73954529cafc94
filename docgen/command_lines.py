"""Read what command lines there are: argparse's parsers and the Makefile."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module

from promtsdb_dagster.settings import ROOT

# Modules that are run with `python -m`, beside `promtsdb`; each has a `_parser`.
MODULES = {
    "promtsdb_dagster.localstack": "promtsdb_dagster.localstack.__main__",
    "promtsdb_dagster.rulesets": "promtsdb_dagster.rulesets",
    "bench": "bench.__main__",
    "docgen": "docgen.__main__",
    "faults": "faults.__main__",
    "fuzz": "fuzz.__main__",
    "pictures": "pictures.__main__",
}
_TARGET = re.compile(r"^([a-z-]+):.*?## (.*)$", re.MULTILINE)
_VARIABLES = re.compile(r"(?::| \() ?((?:[A-Z]+=(?:'[^']*'|\S*),? ?)+)\)?$")
# They say where other processes write, or belong to argparse itself.
_ITS_OWN = (argparse._HelpAction, argparse._SubParsersAction)


@dataclass(frozen=True)
class Option:
    """Hold one option or argument of a command."""

    usage: str
    text: str
    required: bool


@dataclass(frozen=True)
class Command:
    """Hold one command; the first line of its usage is what a person types at least."""

    name: str
    text: str
    options: tuple[Option, ...]

    @property
    def usage(self) -> str:
        """Return the command with what it cannot do without."""
        return " ".join([self.name, *(each.usage for each in self.options if each.required)])


@dataclass(frozen=True)
class Target:
    """Hold one target of the Makefile, and how its variables may be given."""

    name: str
    text: str
    variables: str


def promtsdb() -> list[Command]:
    """Return the commands of `promtsdb`, by name."""
    parser: argparse.ArgumentParser = import_module("promtsdb_dagster.cli")._parser()
    [below] = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    texts = {each.dest: each.help or "" for each in below._choices_actions}
    return [
        Command(f"promtsdb {name}", texts.get(name, ""), tuple(_options(each)))
        for name, each in sorted(below.choices.items())
    ]


def modules() -> list[Command]:
    """Return the commands that are modules."""
    found = []
    for name, module in MODULES.items():
        parser: argparse.ArgumentParser = import_module(module)._parser()
        text = re.sub(r"^`[^`]*`: ", "", parser.description or "")
        found.append(Command(f"python -m {name}", text, tuple(_options(parser))))
    return found


def targets() -> list[Target]:
    """Return the targets of the Makefile, in its order."""
    found = []
    for name, text in _TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")):
        match = _VARIABLES.search(text)
        variables = match[1].strip() if match else ""
        found.append(Target(name, text[: match.start()] if match else text, variables))
    return found


def _options(parser: argparse.ArgumentParser) -> Iterator[Option]:
    for action in parser._actions:
        if isinstance(action, _ITS_OWN) or action.help == argparse.SUPPRESS:
            continue
        text = (action.help or "") % {**vars(action), "prog": parser.prog}
        positional = not action.option_strings
        yield Option(_usage(action), text, action.required and not (positional and action.default))


def _usage(action: argparse.Action) -> str:
    values = "|".join(map(str, action.choices)) if action.choices else ""
    meta = action.metavar if isinstance(action.metavar, str) else ""
    if not action.option_strings:
        return meta or values or action.dest
    name = action.option_strings[-1]
    return name if action.nargs == 0 else f"{name} {meta or values or action.dest.upper()}"
