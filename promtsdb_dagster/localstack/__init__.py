"""The services of the pipeline as processes, for machines without Docker."""

from __future__ import annotations

from collections.abc import Callable

from promtsdb_dagster.localstack.endpoints import Endpoints
from promtsdb_dagster.localstack.services import Options
from promtsdb_dagster.localstack.stack import LocalStack
from promtsdb_dagster.localstack.vmalert import Receiver
from promtsdb_dagster.settings import ROOT, Settings

__all__ = ["Endpoints", "LocalStack", "Options", "Receiver", "open_stack"]


def open_stack(settings: Settings, report: Callable[[str], None] = lambda _: None) -> LocalStack:
    """Return the stack that the environment describes; nothing is started."""
    password = settings.telegraf_password
    return LocalStack(
        settings.promtsdb_state_dir,
        ROOT,
        options=Options(
            pg_bindir=settings.pg_bindir,
            rules_dir=settings.rules_dir,
            telegraf=Receiver(
                settings.telegraf_url,
                settings.telegraf_username,
                password.get_secret_value() if password else None,
            ),
            settle_seconds=settings.datasource_settle_seconds,
        ),
        report=report,
    )
