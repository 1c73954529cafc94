"""Render the rule files from metrics.yaml, or check that they have not drifted.

Run `python -m promtsdb_dagster.rulesets render` or `... check`.
"""

from __future__ import annotations

import argparse
import difflib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from promtsdb_dagster.adapters.rulefiles import (
    METRICS_FILE,
    load_groups,
    load_routing,
    read_text,
    rule_files,
)
from promtsdb_dagster.core.rule_templates import HEADER, RuleSet, parse_definitions, render
from promtsdb_dagster.core.rules import parse_rule_file
from promtsdb_dagster.errors import ConfigurationError, PromtsdbError

RENDER_COMMAND = "python -m promtsdb_dagster.rulesets render"
_RULES_DIR = Path(__file__).resolve().parent.parent / "rules"
_TIMEOUT_SECONDS = 60
_CONCURRENCY_LINE = re.compile(r"^[ \t]+concurrency:[^\n]*$", re.MULTILINE)


def render_files(rules_dir: Path) -> list[Path]:
    """Write the rule files that differ from what metrics.yaml says and return them."""
    changed = []
    for name, text in _rendered(rules_dir)[1].items():
        path = rules_dir / name
        if not path.is_file() or read_text(path) != text:
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed


def drift(rules_dir: Path) -> str:
    """Return a unified diff from the rule files to what metrics.yaml says; empty means none."""
    wanted = _rendered(rules_dir)[1]
    header = HEADER.splitlines()[0]
    left_over = {
        path.name
        for path in rule_files(rules_dir)
        if path.name not in wanted and read_text(path).startswith(header)
    }
    diffs: list[str] = []
    for name in sorted(wanted.keys() | left_over):
        path = rules_dir / name
        found = read_text(path) if path.is_file() else ""
        diffs += difflib.unified_diff(
            found.splitlines(keepends=True),
            wanted.get(name, "").splitlines(keepends=True),
            fromfile=name,
            tofile=f"{name} as {METRICS_FILE} says",
        )
    return "".join(diffs)


def misrouted(rules: RuleSet, cumulative: frozenset[str]) -> list[str]:
    """Return the records whose increments would not be added up, or whose gauges would be."""
    return sorted(
        {
            definition.record
            for definition in rules.definitions
            if definition.cumulative != (definition.record.lower() in cumulative)
        }
    )


def check(rules_dir: Path, say: Callable[[str], None] = print) -> bool:
    """Check drift, our own parser, promtool and vmalert; say what was skipped and why."""
    good = True
    if (rules_dir / METRICS_FILE).is_file():
        if difference := drift(rules_dir):
            say(f"{difference}rule files differ from {METRICS_FILE}; run `{RENDER_COMMAND}`")
            good = False
        if wrong := misrouted(_rendered(rules_dir)[0], load_routing(rules_dir).cumulative):
            say(
                f"cumulative in only one of {METRICS_FILE} (reduce: increment) and routing.yaml: "
                f"{', '.join(wrong)}; name them in both or in none"
            )
            good = False
    else:
        say(f"skipped: drift, as {rules_dir} has no {METRICS_FILE} to render from")
    for group in load_groups(rules_dir).values():
        say(f"ok: {group.file}: group {group.name}, {len(group.rules)} rules every {group.step}")
    return _promtool(rules_dir, say) & _vmalert(rules_dir, say) & good


def _promtool(rules_dir: Path, say: Callable[[str], None]) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        copies = []
        for path in rule_files(rules_dir):
            copy = Path(folder) / path.name
            # Only vmalert knows this field; a blank line in its place keeps the line numbers.
            copy.write_text(_CONCURRENCY_LINE.sub("", read_text(path)), encoding="utf-8")
            copies.append(str(copy))
        # A record of two tiers stands in two rules on purpose, which its linter would report.
        return _run("promtool", ["check", "rules", "--lint=none", *copies], say)


def _vmalert(rules_dir: Path, say: Callable[[str], None]) -> bool:
    flags = [f"-rule={path}" for path in rule_files(rules_dir)]
    # Its own releases call it vmalert-prod, Debian vmalert.
    programs = ("vmalert", "vmalert-prod")
    found = next((name for name in programs if shutil.which(name)), "vmalert")
    return _run(found, ["-dryRun", *flags], say)


def _run(program: str, arguments: list[str], say: Callable[[str], None]) -> bool:
    if shutil.which(program) is None:
        say(f"skipped: {program} is not on the PATH")
        return True
    try:
        done = subprocess.run(
            [program, *arguments], capture_output=True, text=True, timeout=_TIMEOUT_SECONDS
        )
    except subprocess.TimeoutExpired:
        say(f"failed: {program} gave no answer within {_TIMEOUT_SECONDS} s")
        return False
    if done.returncode:
        say(f"failed: {program} ended with {done.returncode}\n{done.stdout}{done.stderr}".rstrip())
        return False
    say(f"ok: {program} {arguments[0]}")
    return True


def _rendered(rules_dir: Path) -> tuple[RuleSet, dict[str, str]]:
    path = rules_dir / METRICS_FILE
    if not path.is_file():
        raise ConfigurationError(
            f"{path} is missing, wanted the definitions to render from; "
            "give the folder that has them with --rules-dir"
        )
    rules = parse_definitions(read_text(path), str(path))
    files = render(rules, command=RENDER_COMMAND)
    for name, text in files.items():
        parse_rule_file(text, f"{path} as {name}")
    return rules, files


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0 good, 1 not."""
    asked = _parser().parse_args(arguments)
    try:
        if asked.command == "check":
            return 0 if check(asked.rules_dir) else 1
        for path in render_files(asked.rules_dir):
            print(f"written: {path}")
    except PromtsdbError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m promtsdb_dagster.rulesets",
        description=f"Render the rule files from {METRICS_FILE}, or check that none has drifted.",
    )
    parser.add_argument(
        "command",
        choices=["render", "check"],
        help="render: write the files that differ; check: compare, and ask promtool and vmalert",
    )
    parser.add_argument(
        "--rules-dir", type=Path, default=_RULES_DIR, help="folder of the rule files (rules)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
