"""The page of the commands: targets of make, `promtsdb`, modules and scripts."""

from __future__ import annotations

from docgen.command_lines import Command, modules, promtsdb, targets
from docgen.markdown import anchor, block, code, page, sentence, table

INTRODUCTION = """\
`make` alone lists the targets. Each installs what it needs first, then does what a `promtsdb`
command or a module does. With `DATABASE_URL` and `DATASOURCE_URL` they work on your servers, else
on the bundled stack. Dates are UTC and the end is exclusive. Every command may be repeated; the
[exit statuses](errors.md#exit-statuses-of-commands) say how it ended. `promtsdb` is in
`.venv/bin`, and in the container `dagster-code`.
"""
SCRIPTS = {
    "scripts/setup": "Makes `.venv`, and as root on Debian and Ubuntu installs what services are "
    "missing. `--python`: Python only. `--tests`: what the tests need, too. `--fuzz`: what "
    "`make fuzz` needs, too.",
    "scripts/tools": "Builds Telegraf, vmalert, Caddy and golang-migrate with Go into `tools/bin`, "
    "all or those that are named.",
    "scripts/lint-compose": "Checks the Compose files; a part of `make check`.",
    ".ci/run": "Everything that continuous integration runs.",
}
WRITERS = {
    "python -m tests.privileges --write": "Writes [privileges](privileges.md) from two deployed "
    "databases.",
    "python -m tests.licences --write": "Writes [licences](licences.md) from what is installed.",
}


def page_text() -> str:
    """Return the page."""
    return page("Commands", INTRODUCTION, [*_make(), *_promtsdb(), *_modules(), *_others()])


def _make() -> list[str]:
    rows = (
        (code(f"make {each.name}"), sentence(each.text), code(each.variables))
        if each.variables
        else (code(f"make {each.name}"), sentence(each.text), "")
        for each in targets()
    )
    return [
        "## make",
        "",
        *table(("target", "what it does", "variables, by example"), rows),
        (
            "`ARGS` hands options on to the command behind a target, as in `make backfill ... "
            "ARGS=--recheck`."
        ),
        "",
    ]


def _promtsdb() -> list[str]:
    commands = promtsdb()
    lines = ["## promtsdb", ""]
    lines += table(
        ("command", "what it does"),
        (
            (f"[{code(each.name)}]({anchor(each.name)})", sentence(each.text))
            if each.options
            else (code(each.name), sentence(each.text))
            for each in commands
        ),
    )
    for each in commands:
        lines += _section(each) if each.options else []
    return lines


def _modules() -> list[str]:
    lines = ["## Modules", "", "In a checkout, with `.venv/bin/python` for `python`.", ""]
    for each in modules():
        lines += _section(each)
    return lines


def _section(command: Command) -> list[str]:
    return [
        f"### {command.name}",
        "",
        sentence(command.text),
        "",
        *block(command.usage, "text"),
        *table(
            ("option", "what it does"),
            (
                (code(each.usage), ("required: " if each.required else "") + each.text)
                for each in command.options
            ),
        ),
    ]


def _others() -> list[str]:
    rows = ((code(name), text) for name, text in [*SCRIPTS.items(), *WRITERS.items()])
    return ["## Scripts and writers of other pages", "", *table(("command", "what it does"), rows)]
