"""Say at the end which engines ran, and what was skipped and why."""

from __future__ import annotations

from collections import Counter

import pytest

_ENGINES = pytest.StashKey[dict[str, set[str]]]()
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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Remember which engines each test is for."""
    config.stash[_ENGINES] = {item.nodeid: _engines(item) for item in items}


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print one line an engine, and one a reason to skip."""
    engines = config.stash.get(_ENGINES, {})
    ran = Counter(
        engine
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, ())
        for engine in engines.get(report.nodeid, ())
    )
    why = Counter(
        str(report.longrepr[2]).removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", ())
        if isinstance(report.longrepr, tuple)
    )
    for report in terminalreporter.stats.get("passed", ()):
        for name, value in report.user_properties:
            terminalreporter.line(f"{name}: {value}")
    terminalreporter.section("engines")
    for engine in _SIGNS:
        terminalreporter.line(f"{engine}: {ran[engine]} tests ran")
    for reason, count in why.items():
        terminalreporter.line(f"skipped {count} tests: {reason}")
