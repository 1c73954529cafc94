"""What a person sees and does in the Dagster UI, in a real browser."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from pictures import ui
from promtsdb_dagster.definitions import defs
from promtsdb_dagster.defs.storage import TAG_KEY
from tests.browser.conftest import Site

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

DAY = timedelta(days=1)
# One question for all names, since there are many.
LISTED = """names => {
    const shown = new Set([...document.querySelectorAll("button span")].map(e => e.textContent));
    return names.every(name => shown.has(name));
}"""


def test_the_graph_shows_every_group_and_asset(site: Site, page: Page) -> None:
    graph = defs.resolve_asset_graph()
    groups: dict[str, set[str]] = {}
    for key in graph.get_all_asset_keys():
        groups.setdefault(graph.get(key).group_name, set()).add(key.path[-1])
    # The list beside the graph draws what fits only.
    page.set_viewport_size({"width": 1600, "height": 5000})
    page.goto(ui.graph_path([]))
    nodes = page.locator("foreignObject")
    for group in groups:
        nodes.get_by_text(group, exact=True).first.wait_for()
    for group, names in groups.items():
        row = page.get_by_role("button").filter(has=page.get_by_text(group, exact=True))
        row.first.dblclick()
        page.wait_for_function(LISTED, arg=sorted(names))
    healthy(site)


# The whole way to what a client asks, up to where the samples come from.
def test_a_client_s_answer_comes_from_the_source(site: Site, page: Page) -> None:
    client = ["api", "positions"]
    page.goto(ui.asset_path(client, "lineage", lineageScope="upstream", lineageDepth="3"))
    for name in ("prometheus", "backfill_1w", "latest_coords", "caddy", "positions"):
        page.locator("svg").get_by_text(name, exact=True).first.wait_for()
    healthy(site)


def test_a_range_is_backfilled_from_the_materialize_dialog(site: Site, page: Page) -> None:
    today = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
    first, last = today - 2 * DAY, today - DAY
    dialog = ui.open_launch_dialog(page, ["backfill_1w"])
    ui.choose_range(dialog, f"{first:%F}", f"{last:%F}")
    dialog.get_by_text("2 partitions").wait_for()
    dialog.get_by_text("Backfills all partitions in a single run").wait_for()
    ui.launch(page, dialog)
    # The page follows what happens.
    page.get_by_text("Materialized (2)").wait_for(timeout=ui.RUN_MS)
    page.get_by_text("Failed (0)").wait_for()
    ui.choose_partition(page, f"{last:%F}")
    healthy(site)
    with site.database.connection() as connection:
        days = connection.execute(
            "SELECT time >= %s, count(*) > 1000 "
            "FROM internal.prometheus_remote_write GROUP BY 1 ORDER BY 1",
            [last],
        ).fetchall()
        outside = connection.execute(
            "SELECT count(*) FROM internal.prometheus_remote_write WHERE time < %s OR time >= %s",
            [first, today],
        ).fetchone()
    assert days == [(False, True), (True, True)]
    assert outside == (0,)
    assert [run.status for run in site.runs("backfill_1w")] == [dg.DagsterRunStatus.SUCCESS]


def test_a_failing_check_says_what_to_do(site: Site, page: Page) -> None:
    with site.database.connection() as connection:
        # A row as Telegraf sends it, an hour ago, whose tags have never come.
        connection.execute(
            "INSERT INTO staging_internal.prometheus_remote_write (time, tag_id, name, schema, "
            "value) VALUES (date_trunc('minute', now()) - interval '1 hour', 4711, 'node_count', "
            "'common', 3)"
        )
    ui.open_check(page, TAG_KEY.path, "no_orphans")
    ui.execute_check(page)
    advice = page.get_by_text(re.compile("1 series of internal.* restart Telegraf"))
    advice.first.wait_for(timeout=ui.RUN_MS)
    healthy(site)


def test_a_tick_that_did_nothing_says_why(site: Site, page: Page) -> None:
    dialog: Locator = ui.open_skipped_tick(page, "history")
    dialog.get_by_text(re.compile(r"the database has its history.{20,}")).wait_for()
    healthy(site)


# The source has four days, of which nothing is stored but what the tests backfilled.
def test_the_picture_of_what_is_stored(site: Site, page: Page) -> None:
    ui.materialize(page, ["coverage"])
    picture = ui.open_markdown(page)
    assert picture.evaluate("image => image.naturalWidth") > 500
    healthy(site)


def healthy(site: Site) -> None:
    """Nothing on the page speaks of an error, and the browser has not complained."""
    page = site.window.page
    assert page.get_by_text(re.compile("Unexpected GraphQL error|PythonError")).count() == 0
    assert page.locator("[data-sonner-toast][data-type=error]").count() == 0
    assert site.window.complaints == []
