"""`python -m bench`: measure, print a table, write `bench/results.json`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from bench.documents import RESULTS, write_documents
from bench.machine import Machine
from bench.results import Result, load, merged, save
from bench.running import Outcome, Runner
from bench.servers import ENGINES, Servers
from bench.table import line, results_table
from bench.topics import TOPICS, chosen
from bench.world import ANY, FULL, SIZES, Size
from promtsdb_dagster.errors import PromtsdbError
from promtsdb_dagster.localstack.signals import ending_on_signals
from promtsdb_dagster.settings import load_settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 1 when a topic failed, whatever the others found."""
    options = _parser().parse_args(arguments)
    # Where nobody says how wide the screen is, wide enough for the table.
    console = Console(width=None if sys.stdout.isatty() else 160, soft_wrap=True, highlight=False)
    if options.list:
        for topic in TOPICS:
            if topic.exists:
                console.print(f"{topic.name:14} {', '.join(topic.engines):24} {topic.description}")
        return 0
    try:
        if options.document:
            write_documents(console.print)
            return 0
        with ending_on_signals():
            return _measure(options, console)
    except PromtsdbError as error:
        console.print(f"error: {error}", markup=False)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m bench", description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="full", help="quick: under 3 minutes")
    parser.add_argument(
        "--engine", action="append", choices=ENGINES, help="may be repeated; default: all there are"
    )
    parser.add_argument("--only", action="append", metavar="TOPIC", help="may be repeated")
    parser.add_argument("--rounds", type=_positive, help="default: as the size says")
    parser.add_argument("--seed", type=int, default=1, help="of everything made at random")
    parser.add_argument(
        "--output", type=Path, default=RESULTS, metavar="FILE", help="default: bench/results.json"
    )
    parser.add_argument(
        "--keep", action="store_true", help="keep the file's results of what is not run now"
    )
    parser.add_argument(
        "--document",
        action="store_true",
        help="measure nothing: write the tables and pictures of the documents from the results",
    )
    parser.add_argument("--list", action="store_true", help="list the topics and end")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} rounds measure nothing; 1 or more")
    return number


def _measure(options: argparse.Namespace, console: Console) -> int:
    topics = chosen(options.only or ())
    before = load(options.output) if options.keep and options.output.exists() else []
    servers = Servers(load_settings().pg_bindir)
    size = SIZES[options.size]

    def say(text: str) -> None:
        console.print(text, markup=False)

    def show(result: Result) -> None:
        say(line(result))

    machine = Machine(servers)
    runner = Runner(
        servers, size, options.rounds or size.rounds, options.seed, machine.facts, say, show
    )
    outcome = Outcome()
    try:
        for outcome in runner.run(topics, options.engine or ENGINES):
            # After each, so that what was found is not lost when somebody ends a long run.
            save(options.output, in_order(merged(before, outcome.results, outcome.finished)))
    finally:
        servers.stop()
    report(outcome, size, console)
    # The documentation shows everything in the full size, from the file that is committed.
    whole = options.keep or not (options.only or options.engine)
    if outcome.results and whole and size is FULL and options.output.resolve() == RESULTS:
        write_documents(say)
    return 1 if outcome.failed else 0


def report(outcome: Outcome, size: Size, console: Console) -> None:
    """Print the table, then what took how long, what was skipped and what failed."""
    console.print(results_table(in_order(outcome.results)))
    for which, seconds in sorted(outcome.finished.items(), key=lambda each: -each[1]):
        over = f", more than its {size.topic_seconds:g} s" if seconds > size.topic_seconds else ""
        console.print(f"{seconds:6.1f} s {' on '.join(which)}{over}")
    for what, why in outcome.skipped.items():
        console.print(f"skipped {what}: {why}", markup=False)
    for what in outcome.failed:
        console.print(f"failed: {what}")


def in_order(results: Sequence[Result]) -> list[Result]:
    """Return results in the order of the topics, whichever ran first."""
    order = {topic.name: place for place, topic in enumerate(TOPICS)}
    engines = (ANY, *ENGINES)
    return sorted(
        results,
        key=lambda each: (
            order.get(each.topic, len(order)),
            engines.index(each.engine) if each.engine in engines else len(engines),
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
