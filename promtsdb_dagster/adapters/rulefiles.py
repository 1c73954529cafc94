"""Read a folder of rule files and its routing lists."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from promtsdb_dagster.core.rule_yaml import Place, compose, fields, items, text_of
from promtsdb_dagster.core.rules import Rule, RuleGroup, parse_rule_file
from promtsdb_dagster.core.samples import Routing
from promtsdb_dagster.errors import ConfigurationError, RuleError

METRICS_FILE = "metrics.yaml"
ROUTING_FILE = "routing.yaml"


def load_groups(rules_dir: Path, *, required: Iterable[str] = ()) -> dict[str, RuleGroup]:
    """Return every group of the folder by its name, whatever the files are called.

    Raise RuleError for an unusable file or a name used twice, ConfigurationError for a missing
    folder or a missing group of `required`.
    """
    groups: dict[str, RuleGroup] = {}
    for path in rule_files(rules_dir):
        for group in parse_rule_file(read_text(path), str(path)):
            if other := groups.get(group.name):
                raise RuleError(
                    f"{path}:{group.rules[0].line}: group {group.name!r}: {other.file} has a group "
                    "of this name too; rename one or move one file out of the folder"
                )
            groups[group.name] = group
    _refuse_spellings(groups.values())
    if missing := sorted(set(required) - groups.keys()):
        raise ConfigurationError(
            f"no group named {', '.join(missing)} in the rule files of {rules_dir}, which have "
            f"{', '.join(sorted(groups))}; add it, or set RULES_DIR to the folder that has it"
        )
    return groups


def _refuse_spellings(groups: Iterable[RuleGroup]) -> None:
    """Raise RuleError where two groups spell one record differently: its rows have one name."""
    spelled: dict[str, Rule] = {}
    for rule in (rule for group in groups for rule in group.rules):
        first = spelled.setdefault(rule.record.lower(), rule)
        if first.record != rule.record:
            raise RuleError(
                f"{rule.file}:{rule.line}: group {rule.group!r}: record {rule.record!r} is "
                f"{first.record!r} in {first.file}:{first.line}, wanted one spelling, as rows are "
                "stored in lower case; write both alike"
            )


def load_routing(rules_dir: Path) -> Routing:
    """Return the names that go to the schemas `geo` and `cumsum`, in lower case."""
    path = rules_dir / ROUTING_FILE
    if not path.is_file():
        raise ConfigurationError(
            f"{path} is missing, wanted the lists of names that are coordinates or cumulative; "
            "write `geo: []` and `cumulative: []` there if there are none"
        )
    place = Place(str(path))
    root = compose(read_text(path), str(path))
    if root is None:
        raise place.error("the file is empty, wanted `geo: [...]` and `cumulative: [...]`")
    found = fields(root, place, "the file", {"geo", "cumulative"})
    names = {
        key: frozenset(
            text_of(item, place.at(item), f"a name of `{key}`").lower()
            for item in items(node, place, f"`{key}`")
        )
        for key, node in found.items()
    }
    geo, cumulative = names.get("geo", frozenset()), names.get("cumulative", frozenset())
    if both := sorted(geo & cumulative):
        raise place.error(f"{', '.join(both)} is in both lists; a series has one schema")
    return Routing(geo=geo, cumulative=cumulative)


def rule_files(rules_dir: Path) -> list[Path]:
    """Return the vmalert files of a folder by name; raise ConfigurationError if there are none."""
    if not rules_dir.is_dir():
        raise ConfigurationError(
            f"the folder of rules {rules_dir} does not exist; set RULES_DIR to the one to use"
        )
    found = sorted(
        path
        for path in rules_dir.iterdir()
        if path.suffix in (".yaml", ".yml")
        and path.name not in (METRICS_FILE, ROUTING_FILE)
        and not path.name.startswith(".")
        and path.is_file()
    )
    if not found:
        raise ConfigurationError(
            f"the folder of rules {rules_dir} has no rule file (*.yaml, *.yml); "
            "run `python -m promtsdb_dagster.rulesets render`, or set RULES_DIR"
        )
    return found


def read_text(path: Path) -> str:
    """Return a file's text; raise RuleError with the line that is not UTF-8."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}; check its owner") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Place(str(path), line).error("not UTF-8 text; save the file as UTF-8") from None
