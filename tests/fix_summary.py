"""Say at the end which engines ran, and what was skipped and why."""

from __future__ import annotations

from collections import Counter

import pytest

# A property travels from the process that ran a test to the one that sums up.
_ENGINE = "engine"
# Which fixture or parameter stands for which engine.
_SIGNS = {
    "postgresql": ("plain_cluster", "plain_database"),
    "timescaledb": ("timescaledb_cluster", "timescaledb_database"),
    "timescaledb as WebAssembly": ("pglite",),
}


def _engines(item: pytest.Item) -> set[str]:
    names = set(getattr(item, "fixturenames", ()))
    callspec = getattr(item, "callspec", None)
    chosen = (
        {value for value in callspec.params.values() if isinstance(value, str)}
        if callspec
        else set()
    )
    return {
        engine
        for engine, fixtures in _SIGNS.items()
        if engine in chosen or names.intersection(fixtures)
    }


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Remember which engines each test is for."""
    for item in items:
        item.user_properties += [(_ENGINE, engine) for engine in sorted(_engines(item))]


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print one line an engine, and one a reason to skip."""
    ran = Counter(
        value
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, ())
        for name, value in report.user_properties
        if name == _ENGINE
    )
    why = Counter(
        str(report.longrepr[2]).removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", ())
        if isinstance(report.longrepr, tuple)
    )
    for report in terminalreporter.stats.get("passed", ()):
        for name, value in report.user_properties:
            if name != _ENGINE:
                terminalreporter.line(f"{name}: {value}")
    terminalreporter.section("engines")
    for engine in _SIGNS:
        terminalreporter.line(f"{engine}: {ran[engine]} tests ran")
    for reason, count in why.items():
        terminalreporter.line(f"skipped {count} tests: {reason}")
