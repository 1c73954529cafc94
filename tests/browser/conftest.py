"""A browser on a real Dagster, a real Prometheus and a real PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from pictures.browser import Window, missing, open_window
from promtsdb_dagster.definitions import defs
from promtsdb_dagster.localstack.history import HistoryPlan
from promtsdb_dagster.settings import ROOT
from tests.fix_dagster import Daemon, running_dagster, say_history_is_there
from tests.fix_postgres import Cluster, ScratchDatabase
from tests.fix_prometheus import running_prometheus

if TYPE_CHECKING:
    from playwright.sync_api import Page

# Where a page that a test failed on is kept.
KEPT = ROOT / ".local" / "browser"


@dataclass(frozen=True)
class Site:
    """What a person who opens the UI has before them, and what is behind it."""

    daemon: Daemon
    database: ScratchDatabase
    window: Window

    def runs(self, asset: str) -> list[dg.DagsterRun]:
        """Return the runs of one asset."""
        with dg.DagsterInstance.from_config(str(self.daemon.home)) as instance:
            runs = instance.get_runs()
        return [run for run in runs if dg.AssetKey(asset) in (run.asset_selection or ())]


@pytest.fixture(scope="module")
def site(plain_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run everything, with four days in the source and a migrated database."""
    if why := missing():
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("site")
    plan = HistoryPlan(now=int(time.time()), days=4)
    url = plain_cluster.migrated_url()
    with ScratchDatabase(url) as database:
        say_history_is_there(database)
        with (
            running_prometheus(tmp_path_factory.mktemp("source"), plan) as source,
            running_dagster(folder, url, source) as daemon,
            open_window(daemon.url, width=1600, height=1000) as window,
        ):
            # Or Dagster asks whether to go on without what it has not migrated itself.
            with dg.DagsterInstance.from_config(str(daemon.home)) as instance:
                instance.report_runless_asset_event(dg.AssetMaterialization(_newest_migration()))
            yield Site(daemon, database, window)
    plain_cluster.drop(url)


def _newest_migration() -> dg.AssetKey:
    keys = defs.resolve_asset_graph().get_all_asset_keys()
    return max(key for key in keys if key.path[0] == "migrations")


@pytest.fixture
def page(site: Site) -> Page:
    """Lend the page, of which nobody has complained yet."""
    site.window.complaints.clear()
    site.window.page.set_viewport_size({"width": 1600, "height": 1000})
    return site.window.page


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Keep the picture and the text of the page that a test failed on."""
    report = yield
    found = getattr(item, "funcargs", {}).get("page")
    if report.when == "call" and report.failed and found is not None:
        report.sections.append(("browser", _keep(found, item.name)))
    return report


def _keep(page: Page, name: str) -> str:
    KEPT.mkdir(parents=True, exist_ok=True)
    picture: Path = KEPT / f"{name}.png"
    page.screenshot(path=picture)
    picture.with_suffix(".html").write_text(page.content(), encoding="utf-8")
    return f"{page.url}\n{picture}\n{picture.with_suffix('.html')}"
