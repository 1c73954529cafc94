"""`python -m faults`: hurt the system, print what was lost, write `faults/results.json`."""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import stamina
from rich.console import Console

from faults.catalog import catalog, chosen
from faults.document import DOCUMENT, rewritten
from faults.results import RESULTS, Result, load, merged, save
from faults.running import try_all
from faults.servers import ENGINES, missing, running_source, running_world
from faults.table import line, results_table
from promtsdb_dagster.errors import PromtsdbError
from promtsdb_dagster.localstack.signals import ending_on_signals


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 1 when anything was lost, doubled, wrong or never right."""
    options = _parser().parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 180, soft_wrap=True, highlight=False)
    try:
        if options.list:
            for fault in catalog():
                console.print(f"{fault.name:32} {', '.join(fault.engines):24} {fault.what}")
            return 0
        if options.document:
            text = rewritten(DOCUMENT.read_text("utf-8"), load(options.output))
            DOCUMENT.write_text(text, "utf-8")
            return 0
        # Retries are what is looked for here, and each says so.
        stamina.instrumentation.set_on_retry_hooks([])
        with ending_on_signals():
            return _run(options, console)
    except PromtsdbError as error:
        console.print(f"error: {error}", markup=False)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m faults", description=__doc__)
    parser.add_argument(
        "--form", choices=("short", "long"), default="long", help="short: each once or twice"
    )
    parser.add_argument(
        "--engine", action="append", choices=ENGINES, help="may be repeated; default: both"
    )
    parser.add_argument(
        "--only", action="append", metavar="NAME", help="a part of a name; may be repeated"
    )
    parser.add_argument("--seed", type=int, help="repeats a run; default: another one each time")
    parser.add_argument("--tries", type=int, help="instead of what the form says")
    parser.add_argument(
        "--output", type=Path, default=RESULTS, metavar="FILE", help="default: faults/results.json"
    )
    parser.add_argument(
        "--keep", action="store_true", help="keep the file's results of what is not run now"
    )
    parser.add_argument(
        "--document",
        action="store_true",
        help="try nothing: write the table of docs/reference/faults.md from the results",
    )
    parser.add_argument("--list", action="store_true", help="list the faults and end")
    return parser


def _run(options: argparse.Namespace, console: Console) -> int:
    def say(text: str) -> None:
        console.print(text, markup=False)

    seed = random.randrange(10**6) if options.seed is None else options.seed
    say(f"seed {seed}")
    faults = chosen(options.only or ())
    if options.tries:
        faults = [replace(fault, tries={options.form: options.tries}) for fault in faults]
    before = load(options.output) if options.keep and options.output.exists() else []
    results: list[Result] = []

    def show(result: Result) -> None:
        say(line(result))
        # After each, so that what was found is not lost when somebody ends a long run.
        results.append(replace(result, form=options.form, seed=seed))
        save(options.output, merged(before, results))

    with running_source() as (source, truth):
        for engine in options.engine or ENGINES:
            if why := missing(engine):
                say(f"skipped {engine}: {why}")
                continue
            with running_world(engine, source, truth, seed, say) as world:
                try_all(world, faults, options.form, show)
    console.print(results_table(results))
    # The documentation shows everything in the long form, from the file that is committed.
    whole = options.keep or not (options.only or options.engine or options.tries)
    if whole and options.form == "long" and options.output.resolve() == RESULTS:
        DOCUMENT.write_text(rewritten(DOCUMENT.read_text("utf-8"), load(RESULTS)), "utf-8")
    return 0 if all(each.good for each in results) else 1


if __name__ == "__main__":
    sys.exit(main())
