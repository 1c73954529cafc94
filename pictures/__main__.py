"""`python -m pictures`: screenshots of the real UI into `docs/pictures/`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pictures.browser import missing, open_window
from pictures.scenes import SCENES, Scene
from pictures.shrink import LARGEST_BYTES, write_small
from pictures.ui import wait_still
from pictures.world import STATE, World, running_world
from promtsdb_dagster.errors import PromtsdbError, StackError
from promtsdb_dagster.localstack.signals import ending_on_signals
from promtsdb_dagster.settings import ROOT

FOLDER = ROOT / "docs" / "pictures"
# Pixels of the picture for each CSS pixel: text that is still readable in a column of text.
_SCALE = 1.25


def main(arguments: Sequence[str] | None = None) -> int:
    """Take the pictures; return 1 when one could not be taken."""
    options = _parser().parse_args(arguments)
    if why := missing():
        print(f"error: {why}", file=sys.stderr)
        return 1
    scenes = [scene for scene in SCENES if not options.only or scene.name in options.only]
    try:
        with ending_on_signals(), running_world(_say, keep=options.keep) as world:
            _take(scenes, world, options.output)
    except PromtsdbError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m pictures", description=__doc__)
    names = [scene.name for scene in SCENES]
    parser.add_argument("--only", action="append", choices=names, help="may be repeated")
    parser.add_argument(
        "--output", type=Path, default=FOLDER, metavar="FOLDER", help="default: docs/pictures"
    )
    parser.add_argument(
        "--keep", action="store_true", help="keep the stack's data, and go on from what is there"
    )
    return parser


def _take(scenes: Sequence[Scene], world: World, folder: Path) -> None:
    from playwright.sync_api import Error

    folder.mkdir(parents=True, exist_ok=True)
    for scene in scenes:
        width, height = scene.size
        # A window each: no hint, no message and no opened list of the one before.
        with open_window(world.url, width=width, height=height, scale=_SCALE) as window:
            try:
                scene.show(window.page, world)
                wait_still(window.page)
            except Error as error:
                kept = STATE / f"{scene.name}.png"
                window.page.screenshot(path=kept)
                raise StackError(
                    f"{scene.name}: {error.message.strip()}; what was to be seen is in {kept}"
                ) from error
            size = write_small(window.page.screenshot(), folder / f"{scene.name}.png")
            if window.complaints:
                _say(f"{scene.name}: the browser says {'; '.join(window.complaints)}")
        if size > LARGEST_BYTES:
            raise StackError(
                f"{scene.name}.png has {size:,} bytes, wanted {LARGEST_BYTES:,} at most"
            )
        _say(f"{scene.name}.png: {size / 1000:.0f} kB")


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
