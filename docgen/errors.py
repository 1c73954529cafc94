"""The page of the errors: what went wrong, by whom it is said, and what to do."""

from __future__ import annotations

import inspect
import re

from docgen.markdown import anchor, code, folded, page, sentence, table, wrapped
from docgen.raised import classes, messages
from docgen.sql_errors import Raised, raised
from docgen.statuses import DROPPED, EXIT, EXITS, HTTP
from promtsdb_dagster.errors import ConfigurationError, InputError, PromtsdbError

INTRODUCTION = """\
Every message says what was wrong, the value, what was wanted, and what to do next. Secrets are in
none. An ellipsis (…) stands for what is put in. Look here for what a number or a name means: [exit
statuses](#exit-statuses-of-commands), [errors of the pipeline](#errors-of-the-pipeline), [answers
of the API](#answers-of-the-api), [errors of the database](#errors-of-the-database). What live rows
are refused for is in [staging](staging.md#reasons), what a check found in [checks](checks.md).
What to do when data are gone or wrong is in [when something went
wrong](../how-to/README.md#when-something-went-wrong).
"""
_TO_DO = re.compile(r"\s*What to do:\s*")


def page_text() -> str:
    """Return the page."""
    return page(
        "Errors", INTRODUCTION, [*_exits(), *_pipeline(), *_dropped(), *_http(), *_database()]
    )


def meaning(error: type[PromtsdbError]) -> str:
    """Return what a class of errors stands for."""
    return _parts(error)[0]


def advice(error: type[PromtsdbError]) -> str:
    """Return what to do about a class of errors; empty when nobody says."""
    return _parts(error)[1]


def _parts(error: type[PromtsdbError]) -> tuple[str, str]:
    what, *do = _TO_DO.split(inspect.getdoc(error) or "")
    return sentence(what), sentence("".join(do))


def _exits() -> list[str]:
    return [
        "## Exit statuses of commands",
        "",
        *table(("status", "of `promtsdb`"), ((code(n), t) for n, t in EXIT.items())),
        (
            "`make` itself ends with 2 whenever a command of its own failed, and prints that one's "
            "status."
        ),
        "",
        *table(("command", "other statuses"), ((code(name), text) for name, text in EXITS.items())),
    ]


def _pipeline() -> list[str]:
    lines = [
        "## Errors of the pipeline",
        "",
        *wrapped(
            "A run in Dagster that fails has the message as its first line; a command prints it "
            "after `error:`. What was committed before stays, and the same again does the rest."
        ),
        "| error | what it means | status |",
        "| --- | --- | --- |",
    ]
    for error in classes():
        depth = "· " * (len(error.__mro__) - len(PromtsdbError.__mro__))
        name = error.__name__
        # The base has no section: nobody raises it.
        shown = code(name) if error is PromtsdbError else f"[{code(name)}]({anchor(name)})"
        lines.append(f"| {depth}{shown} | {meaning(error)} | {_status(error)} |")
    lines.append("")
    for error in classes()[1:]:
        found = messages()[error.__name__]
        lines += [f"### {error.__name__}", "", meaning(error), ""]
        lines += [f"**What to do:** {advice(error)}", ""]
        if found:
            title = "1 message" if len(found) == 1 else f"{len(found)} messages"
            lines += folded(title, [*(f"* {_shown(text)}" for text, _ in found), ""])
    return lines


def _shown(text: str) -> str:
    """Return a message whose signs are no Markdown."""
    return code(re.sub(r"\s+", " ", text).strip())


def _status(error: type[PromtsdbError]) -> str:
    return "2" if issubclass(error, (InputError, ConfigurationError)) else "1"


def _dropped() -> list[str]:
    return [
        "## Samples that a backfill leaves out",
        "",
        "Counted in the partition's metadata `samples_dropped_why`; all others are stored.",
        "",
        *table(
            ("reason", "what it means", "what to do"),
            ((code(reason), what, do) for reason, (what, do) in DROPPED.items()),
        ),
    ]


def _http() -> list[str]:
    return [
        "## Answers of the API",
        "",
        *wrapped(
            "The body of an error is JSON with `code`, `message`, `details` and `hint`. `code` is "
            "the SQLSTATE of the database where it has one, PostgREST's own (`PGRST...`), or the "
            "status again."
        ),
        *table(
            ("status", "when", "what to do"),
            ((code(status), when, do) for status, (when, do) in HTTP.items()),
        ),
    ]


def _database() -> list[str]:
    callers = [each for each in raised() if _is_of_api(each)]
    others = [each for each in raised() if not _is_of_api(each)]
    lines = ["## Errors of the database", "", "What our own SQL raises.", ""]
    lines += ["### For callers of the API", "", *_errors(callers)]
    return [*lines, "### For migrations and for the pipeline", "", *_errors(others)]


def _is_of_api(error: Raised) -> bool:
    return error.by.startswith(("api.", "internal.check_"))


def _errors(found: list[Raised]) -> list[str]:
    return table(
        ("SQLSTATE", "message", "more", "what to do", "raised by"),
        ((code(each.state), each.message, each.detail, each.hint, code(each.by)) for each in found),
    )
