"""The command `promtsdb`; status 0 is done, 1 failed, 2 a request that makes no sense."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from promtsdb_dagster.errors import ConfigurationError, InputError, PromtsdbError, disk_problem

FAILED = 1
REFUSED = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says and return the status."""
    options = _parser().parse_args(arguments)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell starts background jobs deaf to Ctrl-C. Dagster treats SIGTERM as Ctrl-C, and
        # what we start would be deaf too: nothing could end this command in order.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Tables are for people: a width for logs, the terminal's own otherwise.
    console = Console(width=None if sys.stdout.isatty() else 110, highlight=False)
    try:
        _run(console, options)
    except (InputError, ConfigurationError) as error:
        _complain(error)
        return REFUSED
    except PromtsdbError as error:
        _complain(error)
        return FAILED
    except OSError as error:
        problem = disk_problem(error)
        if problem is None:
            raise
        _complain(problem)
        return FAILED
    except KeyboardInterrupt:
        _complain("interrupted; what was committed stays, the same command does the rest")
        return INTERRUPTED
    return 0


def _run(console: Console, options: argparse.Namespace) -> None:
    # Dagster takes a second to import; `--help` and wrong options should not wait for it.
    from promtsdb_dagster.commands import (
        coverage,
        demo,
        headless,
        health,
        move,
        recall,
        recover,
        replacing,
        retries,
        token,
        up,
    )

    retries.say_retries()
    command: str = options.command
    if command == "demo":
        demo.demo(console)
    elif command == "up":
        up.up(console, options.host, options.port, without_password=options.without_password)
    elif command == "migrate":
        headless.migrate(console)
    elif command == "recover":
        recover.recover(console, options.began, options.when_serving)
    elif command == "health":
        health.health(console)
    elif command == "token":
        token.token(options.role, options.hours)
    elif command == "move":
        move.move(console, options.source)
    elif command == "coverage":
        coverage.coverage(console, options.start, options.end, options.output)
    elif command == "recall":
        recall.recall(console)
    elif command == "replace":
        replacing.replace(
            console,
            options.metric,
            options.start,
            options.end,
            accept_loss=options.accept_loss,
            dry_run=options.dry_run,
        )
    elif command == "backfill":
        headless.backfill(
            console,
            options.asset,
            options.start,
            options.end,
            recheck=options.recheck,
            dry_run=options.dry_run,
        )
    else:
        headless.refresh(console, options.start, options.end)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="promtsdb", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    commands.add_parser("demo", help="bring the history up to date, print what the API answers")
    serve = commands.add_parser("up", help="keep the stack and the Dagster UI in the foreground")
    serve.add_argument("--host", default="127.0.0.1", help="address of the UI (%(default)s)")
    serve.add_argument(
        "--without-password", action="store_true", help="let --host be one that others reach"
    )
    serve.add_argument("--port", type=_port, default=3030, help="port of the UI (%(default)s)")
    commands.add_parser("migrate", help="apply all migrations")
    fill = commands.add_parser("backfill", help="backfill one group over a range of dates")
    fill.add_argument("--asset", required=True, help="for instance backfill_1w")
    _add_range(fill)
    fill.add_argument(
        "--recheck", action="store_true", help="fetch and compare again what is done already"
    )
    _add_dry_run(fill)
    again = commands.add_parser("refresh", help="make all aggregates anew over a range")
    _add_range(again)
    mend = commands.add_parser("replace", help="delete and write anew a metric over a range")
    mend.add_argument("--metric", required=True, help="its record in the rule files")
    _add_range(mend)
    mend.add_argument(
        "--accept-loss", action="store_true", help="also where the source has less than is stored"
    )
    _add_dry_run(mend)
    commands.add_parser("health", help="ask the database and every service how they are")
    recover = commands.add_parser("recover", help="end runs that a stopped code server left behind")
    recover.add_argument(
        "--began", type=int, metavar="SECONDS", help="leave what changed later; unix time"
    )
    recover.add_argument(
        "--when-serving", metavar="HOST:PORT", help="beside this code server, once it answers"
    )
    show = commands.add_parser("coverage", help="show what is stored of every metric, and draw it")
    show.add_argument(
        "--from", dest="start", metavar="DATE", help="first day, UTC; without: where there is any"
    )
    show.add_argument("--to", dest="end", metavar="DATE", help="exclusive, UTC; without: now")
    show.add_argument(
        "--output", type=Path, metavar="FILE.png", help="the picture; without: in the state folder"
    )
    sign = commands.add_parser("token", help="print a token for the API, signed with JWT_SECRET")
    carry = commands.add_parser("move", help="copy another database into that of DATABASE_URL")
    carry.add_argument(
        "--from",
        dest="source",
        required=True,
        metavar="URL",
        help="libpq URL of its owner; leave a password to PGPASSFILE",
    )
    commands.add_parser("recall", help="tell a new Dagster what the ledger knows to be done")
    sign.add_argument("--role", default="writer", help="writer or web_anon (%(default)s)")
    sign.add_argument("--hours", type=float, default=1.0, help="until it ends (%(default)g)")
    return parser


def _port(text: str) -> int:
    if text.isdecimal() and 0 < int(text) < 65536:
        return int(text)
    raise argparse.ArgumentTypeError(
        f"{text!r} is no port, wanted a number from 1 to 65535, such as make up PORT=3031"
    )


def _add_range(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--from", dest="start", required=True, metavar="DATE", help="first day, UTC"
    )
    parser.add_argument("--to", dest="end", required=True, metavar="DATE", help="exclusive, UTC")


def _add_dry_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="write nothing: say what would be done, and how long it would take",
    )


def _complain(problem: object) -> None:
    print(f"error: {problem}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
