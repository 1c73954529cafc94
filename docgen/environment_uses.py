"""Find every variable of the environment that something in the checkout reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from promtsdb_dagster.settings import ROOT, Settings

# What a program of the system means by them is documented there.
OF_THE_SYSTEM = {"HOME", "PATH", "PGDATA", "PGHOST", "PGPASSWORD", "PGPORT", "PGUSER", "UID"}
# By the end of a file's name: how a variable looks in it.
_PATTERNS = {
    ".py": r"environ(?:\.get|\.setdefault|\.pop)?[\[(]\s*\"([A-Z][A-Z0-9_]+)\"",
    ".yaml": r"(?<!\$)\$\{([A-Z][A-Z0-9_]+)|\benv: ([A-Z][A-Z0-9_]+)",
    ".conf": r"\$\{([A-Z][A-Z0-9_]+)|\$\(([A-Z][A-Z0-9_]+)\)",
    "Caddyfile": r"\{\$([A-Z][A-Z0-9_]+)",
    ".sql": r"\\getenv \w+ ([A-Z][A-Z0-9_]+)",
    "scripts/": r"\$\{([A-Z][A-Z0-9_]+):?[-?+=]",
    "launcher.yaml": r"^ +- ([A-Z][A-Z0-9_]+)$|^ +([A-Z][A-Z0-9_]+): ",
    "init.sh": r"\$\{([A-Z][A-Z0-9_]+)",
}
_FOLDERS = (
    *("promtsdb_dagster", "bench", "docgen", "docker", "faults", "fuzz", "pictures", "scripts"),
    "tests",
)


def read_somewhere() -> dict[str, str]:
    """Return the variables and a file that reads each."""
    found = {name.upper(): "promtsdb_dagster/settings.py" for name in Settings.model_fields}
    for path in _files():
        file = path.relative_to(ROOT).as_posix()
        for end, pattern in _PATTERNS.items():
            if file.endswith(end) or (end.endswith("/") and file.startswith(end)):
                for match in re.finditer(pattern, path.read_text(encoding="utf-8"), re.MULTILINE):
                    name = next(filter(None, match.groups()))
                    found.setdefault(name, file)
    return {name: file for name, file in sorted(found.items()) if name not in OF_THE_SYSTEM}


def _files() -> Iterator[Path]:
    yield ROOT / "dagster.yaml"
    yield ROOT / "workspace.yaml"
    for folder in _FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path
