"""YAML whose every value knows its place, so that an error can name file, line, group and rule."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from itertools import chain

import yaml

from promtsdb_dagster.core.shown import shortened
from promtsdb_dagster.errors import RuleError

# A thousand groups that share the rules of one, by an anchor, are a million rules in 50 kB.
_MOST_VALUES = 200_000
_NULL = "tag:yaml.org,2002:null"
_MERGE = "tag:yaml.org,2002:merge"
_NAME_LINE = re.compile(r"^[ \t]*(?:-[ \t]+)?(name|record|alert):(.+)")


@dataclass(frozen=True)
class Place:
    """Say where in a rule file something stands; lines count from 1."""

    file: str
    line: int = 1
    group: str = ""
    rule: str = ""

    def at(self, node: yaml.Node) -> Place:
        """Return this place on the node's line."""
        return replace(self, line=node.start_mark.line + 1)

    def within(self, *, group: str | None = None, rule: str | None = None) -> Place:
        """Return this place inside a group or a rule."""
        return replace(
            self,
            group=self.group if group is None else group,
            rule=self.rule if rule is None else rule,
        )

    def error(self, problem: str) -> RuleError:
        """Return, not raise, the error that names this place."""
        names = [
            f"{kind} {_short(name)}"
            for kind, name in (("group", self.group), ("rule", self.rule))
            if name
        ]
        return RuleError(
            ": ".join([f"{self.file}:{self.line}", *([", ".join(names)] * bool(names)), problem])
        )


def compose(text: str, file: str) -> yaml.Node | None:
    """Return the document's root, None for an empty one; raise RuleError for unreadable YAML."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is None or _size(root, {}) <= _MOST_VALUES:
            return root
        line, problem = 1, f"more than {_MOST_VALUES} values, anchors written out"
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problem = error.problem or "unreadable"
        if error.context:
            begun = error.context_mark.line + 1 if error.context_mark else line
            problem = f"{error.context} from line {begun}: {problem}"
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = f"character {error.character!r}: {error.reason}"
    except RecursionError:
        line, problem = 1, "nested too deeply"
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        line, problem = 1, str(error)
    raise _near(text, Place(file, line)).error(f"not valid YAML: {shortened(problem, 400)}")


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """Return how many values a node has with every anchor written out, or more than allowed."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in known:
        # Until it is known: an anchor inside of itself has no end.
        known[id(node)] = _MOST_VALUES
        below = chain(*node.value) if isinstance(node, yaml.MappingNode) else node.value
        known[id(node)] = 1 + sum(_size(child, known) for child in below)
    return known[id(node)]


def fields(
    node: yaml.Node, place: Place, what: str, known: Collection[str] | None = None
) -> dict[str, yaml.Node]:
    """Return a mapping's fields; raise RuleError for doubled or, if `known` is given, others."""
    if not isinstance(node, yaml.MappingNode):
        raise place.at(node).error(f"{what} is {_kind(node)}, wanted fields like `key: value`")
    found: dict[str, yaml.Node] = {}
    for key, value in node.value:
        if key.tag == _MERGE:
            raise place.at(key).error(f"{what} uses a merge key (<<); write the fields out")
        name = text_of(key, place, f"a field name of {what}")
        if name in found:
            raise place.at(key).error(f"{what} has the field {_short(name)} twice; keep one")
        if known is not None and name not in known:
            raise place.at(key).error(
                f"{what} has the unknown field {_short(name)}, wanted {', '.join(sorted(known))}"
            )
        found[name] = value
    return found


def items(node: yaml.Node, place: Place, what: str) -> list[yaml.Node]:
    """Return a list's items or raise RuleError."""
    if not isinstance(node, yaml.SequenceNode):
        raise place.at(node).error(f"{what} is {_kind(node)}, wanted a list")
    return list(node.value)


def text_of(node: yaml.Node, place: Place, what: str) -> str:
    """Return a scalar as text, "" for null; raise RuleError for what PostgreSQL cannot store."""
    if not isinstance(node, yaml.ScalarNode):
        raise place.at(node).error(f"{what} is {_kind(node)}, wanted a text")
    if node.tag == _NULL and node.style is None:
        return ""
    value = str(node.value)
    if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise place.at(node).error(f"{what} holds a NUL or half of a surrogate pair; remove it")
    return value


def _near(text: str, place: Place) -> Place:
    """Name the group and rule above a line of a file that could not be parsed."""
    group = rule = ""
    for line in text.splitlines()[: place.line]:
        if found := _NAME_LINE.match(line):
            said = found[2].strip(" \t'\"")
            group, rule = (said, "") if found[1] == "name" else (group, said)
    return place.within(group=group, rule=rule)


def _kind(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return "empty" if node.tag == _NULL else f"the text {_short(str(node.value))}"


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "...")
