"""`python -m fuzz`: feed every target for some time, or one target one file."""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from fuzz.api import NAME as API
from fuzz.api import fuzz_api
from fuzz.catalog import BY_NAME, TARGETS
from fuzz.kept import keep
from fuzz.remote_write import NAME as REMOTE_WRITE
from fuzz.remote_write import fuzz_remote_write
from fuzz.running import Outcome, fuzz

_FOLDER = Path(".local") / "fuzz"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 1 when a target found something or did not run."""
    options = _parser().parse_args(arguments)
    names = options.target or [*BY_NAME, REMOTE_WRITE, API]
    targets = [target for target in TARGETS if target.name in names]
    if options.list:
        for target in targets:
            print(f"{target.name:10} {target.description}")
        print(f"{REMOTE_WRITE:10} bodies to a real Telegraf before a real database")
        print(f"{API:10} every argument of every function of the API, in SQL and over HTTP")
        return 0
    if options.replay:
        for file in options.replay:
            for target in targets:
                target.load()(file.read_bytes())
                print(f"{target.name} takes {file}")
        return 0
    good = True
    if targets and find_spec("atheris") is None:
        # Said by scripts/setup --fuzz as well, with pip's reason.
        print(f"skipped {', '.join(t.name for t in targets)}: the package atheris is not there")
        targets = []
    if options.keep:
        keep(targets, _FOLDER)
        return 0
    print(f"{', '.join(names)}: {options.seconds} s each, {options.jobs} at once, "
          f"--seed {options.seed}", flush=True)  # fmt: skip
    for outcome in fuzz(targets, options.seconds, options.jobs, _FOLDER, options.seed):
        print(_told(outcome), flush=True)
        good &= outcome.good
    if REMOTE_WRITE in names:
        good &= fuzz_remote_write(options.seconds, options.seed)
    if API in names:
        good &= fuzz_api(options.seconds, _FOLDER, options.seed)
    return 0 if good else 1


def _told(outcome: Outcome) -> str:
    name = outcome.target.name
    text = f"{name:10} {outcome.runs:>10,} inputs, {outcome.reached:,} branches"
    if outcome.good:
        return f"{text}, no crash"
    lines = [f"{text}, CRASHED; log: {outcome.log}"]
    lines += [f"    {sys.executable} -m fuzz --target {name} --replay {f}" for f in outcome.crashes]
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    choices = [*BY_NAME, REMOTE_WRITE, API]
    parser.add_argument("--target", action="append", choices=choices, help="default: all")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="targets at once")
    parser.add_argument(
        "--seed", type=int, default=random.randrange(1, 2**31), help="default: another each time"
    )
    parser.add_argument("--list", action="store_true", help="list the targets")
    parser.add_argument("--replay", type=Path, action="append", metavar="FILE", help="only these")
    parser.add_argument(
        "--keep", action="store_true", help="put what was found into fuzz/corpus, as few as do"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
