"""The predecessor's way, to be measured beside ours: its tables, staging, aggregates, functions."""

from __future__ import annotations

from pathlib import Path

import psycopg
from typing_extensions import LiteralString

FOLDER = Path(__file__).resolve().parent


def install(url: str, engine: str) -> None:
    """Make everything in an empty database; the engine is `postgresql` or `timescaledb`."""
    files = ["tables", "indexes", "staging", f"aggregates_{engine}", "functions"]
    if engine == "timescaledb":
        files.insert(1, "hypertables")
    with psycopg.connect(url, autocommit=True) as connection:
        if engine == "timescaledb":
            connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
        for name in files:
            if (FOLDER / f"{name}.sql").exists():
                connection.execute(_text(name))


def refresh_all(url: str, engine: str) -> None:
    """Refresh every aggregate from the beginning of history."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in _text(f"refresh_{engine}").split(";\n"):
            if statement.strip():
                connection.execute(statement)


def _text(name: str) -> LiteralString:
    return (FOLDER / f"{name}.sql").read_text(encoding="utf-8")
