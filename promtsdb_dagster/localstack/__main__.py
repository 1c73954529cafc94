"""`python -m promtsdb_dagster.localstack start|stop|status|env|remove`."""

from __future__ import annotations

import argparse
import shlex
import sys

from promtsdb_dagster.errors import PromtsdbError, disk_problem
from promtsdb_dagster.localstack import open_stack
from promtsdb_dagster.localstack.stack import LocalStack
from promtsdb_dagster.settings import load_settings


def main() -> int:
    """Do what the command line says; 1 is an error, 3 a stack that does not run."""
    command = _parser().parse_args().command
    try:
        stack = open_stack(load_settings(), report=_say)
        commands = {"start": _start, "stop": _stop, "status": _status, "env": _env}
        return {**commands, "remove": _remove}[command](stack)
    except PromtsdbError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        problem = disk_problem(error)
        if problem is None:
            raise
        print(f"error: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m promtsdb_dagster.localstack",
        description="Run the bundled stack in the background, and say how to reach it.",
    )
    parser.add_argument(
        "command",
        choices=("start", "stop", "status", "env", "remove"),
        help="start and stop; status: what answers; env: what to export to use it; "
        "remove: stop, and delete its data",
    )
    return parser


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _start(stack: LocalStack) -> int:
    for sentence in stack.start().skipped:
        _say(f"note: {sentence}")
    _say('the stack runs; `eval "$(python -m promtsdb_dagster.localstack env)"` points to it')
    return 0


def _stop(stack: LocalStack) -> int:
    if not stack.stop():
        _say("nothing was running")
    return 0


def _status(stack: LocalStack) -> int:
    status = stack.status()
    for each in status:
        text = "answers" if each.answers else "does not answer" if each.running else "not running"
        where = f" on port {each.port}, pid {each.pid}" if each.running else ""
        print(f"{each.name:<12}{text}{where}")
    return 0 if stack.endpoints() else 3


def _env(stack: LocalStack) -> int:
    endpoints = stack.endpoints()
    if endpoints is None:
        _say("the stack does not run; start it with `python -m promtsdb_dagster.localstack start`")
        return 3
    for name, value in endpoints.environment().items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def _remove(stack: LocalStack) -> int:
    stack.remove()
    _say("the stack's data is gone")
    return 0


if __name__ == "__main__":
    sys.exit(main())
