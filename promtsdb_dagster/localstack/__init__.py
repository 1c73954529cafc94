"""The services of the pipeline as processes, for machines without Docker."""

from __future__ import annotations

from collections.abc import Callable

from promtsdb_dagster.localstack.stack import Endpoints, LocalStack, Options
from promtsdb_dagster.settings import ROOT, Settings

__all__ = ["Endpoints", "LocalStack", "Options", "open_stack"]


def open_stack(settings: Settings, report: Callable[[str], None] = lambda _: None) -> LocalStack:
    """Return the stack that the environment describes; nothing is started."""
    return LocalStack(
        settings.promtsdb_state_dir,
        ROOT,
        options=Options(
            pg_bindir=settings.pg_bindir,
            rules_dir=settings.rules_dir,
            telegraf_url=settings.telegraf_url,
        ),
        report=report,
    )
