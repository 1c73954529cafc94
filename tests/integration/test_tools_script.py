"""`scripts/tools` with a Go that only notes how it is called."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from promtsdb_dagster.settings import ROOT

USED = ("sh", "dirname", "mkdir", "awk", "sed", "paste", "cut", "ls", "mv", "touch", "echo")
GO = """#!/bin/sh
case $1 in
  env) echo go9.9.9 ;;
  list) [ -z "$TOO_OLD" ] || { echo "go.mod requires go >= 99" >&2; exit 1; } ;;
  build)
    echo "CGO_ENABLED=$CGO_ENABLED $*" >> "$NOTES"
    while [ "$1" != -o ]; do shift; done
    echo '#!/bin/sh' > "$2" && /bin/chmod +x "$2" ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy what the script reads, with its times, and a PATH that has what it calls but Go."""
    for name in ("tools", "scripts"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("bin"))
    (tmp_path / "path").mkdir()
    for name in USED:
        found = shutil.which(name)
        assert found, name
        (tmp_path / "path" / name).symlink_to(found)
    return tmp_path


def run(checkout: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script and return how it ended."""
    return subprocess.run(
        [checkout / "scripts/tools", *arguments],
        env={"PATH": str(checkout / "path"), "NOTES": str(checkout / "notes"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_go_it_says_so(checkout: Path) -> None:
    """Which Go is wanted, and that the rest works without."""
    done = run(checkout)
    assert done.returncode == 1
    assert "Go is not installed, and telegraf needs Go 1." in done.stderr
    assert "work without these programs" in done.stderr


def test_everything_is_built_once(checkout: Path) -> None:
    """Static, without paths of the machine, with the pinned version inside; then never again."""
    go = checkout / "path/go"
    go.write_text(GO)
    go.chmod(0o755)
    old = run(checkout, TOO_OLD="yes")
    assert old.returncode == 1
    assert "requires go >= 99" in old.stderr
    assert "this is go9.9.9" in old.stderr

    done = run(checkout)
    assert done.returncode == 0, done.stderr
    built = sorted(path.name for path in (checkout / "tools/bin").iterdir())
    assert built == ["caddy", "migrate", "telegraf", "vmalert"]
    notes = (checkout / "notes").read_text().splitlines()
    assert len(notes) == 4
    assert all(note.startswith("CGO_ENABLED=0 build -trimpath ") for note in notes)
    assert any("internal.Version=1." in note and "outputs.postgresql" in note for note in notes)
    assert any(note.endswith("-o ../bin/.caddy.new .") for note in notes)

    again = run(checkout)
    assert again.stderr.count("is up to date") == 4
    later = (checkout / "tools/bin/caddy").stat().st_mtime + 5
    os.utime(checkout / "tools/caddy/go.sum", (later, later))
    assert run(checkout).stderr.count("is up to date") == 3
    assert len((checkout / "notes").read_text().splitlines()) == 5


def test_an_unknown_program_is_refused(checkout: Path) -> None:
    """The error names the known ones."""
    done = run(checkout, "nginx")
    assert done.returncode == 1
    assert "unknown program nginx; known are caddy migrate telegraf vmalert" in done.stderr
