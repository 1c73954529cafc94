"""Ask the database and every service whether they do their work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table

from promtsdb_dagster.commands.environment import pointed_to
from promtsdb_dagster.defs.services import SERVICES
from promtsdb_dagster.errors import ConfigurationError, PromtsdbError
from promtsdb_dagster.installation import Installation, install
from promtsdb_dagster.localstack import open_stack
from promtsdb_dagster.settings import Settings, load_settings


class Unwell(PromtsdbError):
    """A service answers, but not as it should, or not at all."""


def health(console: Console) -> None:
    """Print how each is; raise Unwell naming those that are not well. Changes nothing."""
    table = Table("service", "", "what it says")
    unwell = []
    with _settings() as settings:
        for name, word, text in _answers(settings):
            table.add_row(name, word, text)
            if word == "unhealthy":
                unwell.append(name)
    console.print(table)
    if unwell:
        raise Unwell(f"not well: {', '.join(unwell)}; the table above says why")


def _answers(settings: Settings) -> Iterator[tuple[str, str, str]]:
    installation = install(settings)
    try:
        yield "database", *_database(installation)
        for name in SERVICES:
            told = installation.services().health(name)
            word = "healthy" if told.healthy else "unhealthy"
            yield name, word if told.configured else "", told.text
    finally:
        installation.close()


def _database(installation: Installation) -> tuple[str, str]:
    try:
        status = installation.migrator().status()
    except PromtsdbError as error:
        return "unhealthy", str(error)
    lacking = len(status.pending)
    if lacking:
        text = f"at version {status.version}, {lacking} migrations are missing; `promtsdb migrate`"
        return "unhealthy", text
    if status.too_new:
        return "unhealthy", status.too_new
    return "healthy", f"{status.engine}, at version {status.version}"


@contextmanager
def _settings() -> Iterator[Settings]:
    settings = load_settings()
    if settings.database_url is not None or settings.datasource_url is not None:
        yield settings
        return
    endpoints = open_stack(settings, report=lambda _line: None).endpoints()
    if endpoints is None:
        raise ConfigurationError(
            "DATABASE_URL and DATASOURCE_URL are not set and the bundled stack does not run, "
            "wanted something to ask; export them, or start the bundled stack with `make up`"
        )
    with pointed_to(endpoints) as found:
        yield found
