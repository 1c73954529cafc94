"""The tests see none of the servers and settings of whoever runs them."""

from __future__ import annotations

import os

from promtsdb_dagster.settings import Settings

# Which PostgreSQL to test on is for whoever runs the tests to say.
_KEPT = frozenset({"PG_BINDIR"})


def pytest_configure() -> None:
    """Forget the settings, before any fixture and for every process that a test starts."""
    for name in Settings.model_fields:
        if name.upper() not in _KEPT:
            os.environ.pop(name.upper(), None)
