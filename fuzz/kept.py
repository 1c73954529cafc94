"""Keep the corpus small: as few inputs as reach what all that were found reach."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from fuzz.catalog import Target
from fuzz.running import merge

MOST_FILES = 60
MOST_BYTES = 30_000


def keep(targets: Sequence[Target], folder: Path) -> None:
    """Add to each target's corpus; files that people named stay."""
    for target in targets:
        with tempfile.TemporaryDirectory() as scratch:
            merge(target, folder, Path(scratch))
            files = sorted(Path(scratch).iterdir(), key=lambda file: file.stat().st_size)
            if not files:
                raise SystemExit(f"{target.name}: nothing was merged; see {folder / target.name}")
            named = [file for file in target.corpus.iterdir() if not _is_found(file)]
            for file in target.corpus.iterdir():
                if _is_found(file):
                    file.unlink()
            known = {file.read_bytes() for file in named}
            room = MOST_BYTES - sum(map(len, known))
            for file in files:
                data = file.read_bytes()
                room -= len(data)
                if data in known or room < 0 or len(list(target.corpus.iterdir())) >= MOST_FILES:
                    continue
                name = f"found-{hashlib.sha256(data).hexdigest()[:12]}"
                shutil.copyfile(file, target.corpus / name)
        print(f"{target.name:10} {len(list(target.corpus.iterdir()))} files kept")


def _is_found(file: Path) -> bool:
    return file.name.startswith("found-")
