"""Our own rules for the Dockerfiles."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from promtsdb_dagster.settings import ROOT


def dockerfiles() -> list[Path]:
    return sorted((ROOT / "docker").glob("*/Dockerfile"))


@pytest.mark.parametrize("path", dockerfiles(), ids=lambda path: path.parent.name)
def test_dockerfiles_are_pinned_and_end_without_root(path: Path) -> None:
    text = re.sub(r"\\\n", " ", path.read_text(encoding="utf-8"))
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    stages = {words[3] for words in lines if words[0] == "FROM" and len(words) == 4}
    for base in (line[1] for line in lines if line[0] == "FROM" and line[1] not in stages):
        assert re.search(r":\d+\.\d+(\.\d+)?(-[a-z0-9]+)*$", base), base
    users = [line[1] for line in lines if line[0] == "USER"]
    assert users
    assert users[-1].split(":")[0] not in ("0", "root")
    assert "ADD" not in {line[0] for line in lines}


@pytest.mark.parametrize("path", dockerfiles(), ids=lambda path: path.parent.name)
def test_what_dockerfiles_copy_is_in_the_context(path: Path) -> None:
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept = tuple(line[1:] for line in ignore if line.startswith("!"))
    text = re.sub(r"\\\n", " ", path.read_text(encoding="utf-8"))
    for line in text.splitlines():
        if not line.startswith("COPY ") or "--from=" in line:
            continue
        for source in (word for word in line.split()[1:-1] if not word.startswith("--")):
            assert (ROOT / source).exists(), source
            assert Path(source).parts[0] in kept, source
    # Nothing that is never committed gets into an image.
    assert {"*", "**/.env*"} <= set(ignore)
