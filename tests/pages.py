"""Run the commands of a how-to page as a reader would."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from promtsdb_dagster.settings import ROOT

PAGES = ROOT / "docs" / "how-to"
_BLOCK = re.compile(r"<!-- run: ([a-z-]+) -->\n```sh\n(.*?)```\n", re.DOTALL)


def blocks(page: str) -> dict[str, str]:
    """Return the commands of a page by the name that stands before each block."""
    text = (PAGES / page).read_text(encoding="utf-8")
    found = dict(_BLOCK.findall(text))
    assert len(found) == text.count("```sh"), f"{page}: each block needs a name"
    return found


def run(commands: str, environment: Mapping[str, str], folder: Path) -> str:
    """Run a block in the checkout; files that it writes and reads lie in a folder."""
    # What is installed is not looked at again.
    commands = re.sub(r"(?m)^make ", "make -o setup ", commands)
    for name in ("roles.sql", "metrics.dump"):
        commands = re.sub(rf"(?<=[ ]){re.escape(name)}", str(folder / name), commands)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr
