"""What each picture shows, and how a person gets there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from pictures import ui
from pictures.world import World

if TYPE_CHECKING:
    from playwright.sync_api import Page

DAY = timedelta(days=1)
# What a client's answer comes from; migrations and housekeeping are chains of their own.
_OPENED = ("services", "backfill", "staging", "storage", "aggregates", "api")


@dataclass(frozen=True)
class Scene:
    """One picture: its name, and what brings the page before the camera."""

    name: str
    show: Callable[[Page, World], None]
    # CSS pixels; what is flat would else be lost in a high picture.
    size: tuple[int, int] = (1280, 800)


def _plots(page: Page, _: World) -> None:
    page.goto(ui.asset_path(["backfill_1y"], "overview"))
    page.get_by_text("Plots", exact=True).click()
    page.get_by_text("rows_per_second", exact=True).evaluate(
        "title => title.parentElement.scrollIntoView()"
    )


def _partitions(page: Page, world: World) -> None:
    page.goto(ui.asset_path(["backfill_1w"], "partitions"))
    ui.choose_partition(page, f"{world.today - 2 * DAY}")


def _launch(page: Page, world: World) -> None:
    dialog = ui.open_launch_dialog(page, ["backfill_1w"])
    ui.choose_range(dialog, f"{world.today - 4 * DAY}", f"{world.today - 2 * DAY}")
    dialog.get_by_text("3 partitions").wait_for()


def _coverage(page: Page, _: World) -> None:
    ui.materialize(page, ["coverage"])
    ui.open_markdown(page)


def _graph(page: Page, _: World) -> None:
    ui.open_wide_graph(page, "horizontal")
    page.get_by_text("aggregates", exact=True).last.wait_for()


def _lineage(page: Page, _: World) -> None:
    selection = 'not group:"migrations" and not group:"housekeeping"'
    ui.open_wide_graph(page, "vertical", _OPENED, selection)
    # What Dagster knows of the assets comes after the graph.
    page.locator('foreignObject [style*="background-green"]').first.wait_for()


def _sensors(page: Page, world: World) -> None:
    world.resume_history()
    page.goto("/automation")
    page.get_by_text("late_changes", exact=True).first.wait_for()


def _tick(page: Page, world: World) -> None:
    world.resume_history()
    ui.open_skipped_tick(page, "history")


def _check(page: Page, world: World) -> None:
    # In all windows: the check looks into some of them, at random.
    world.execute(
        "DELETE FROM internal.prometheus_remote_write WHERE name = 'system_memory' AND "
        "time >= %s AND time < %s",
        world.today - 7 * DAY,
        world.today,
    )
    ui.open_check(page, ["backfill_1w"], "ledger_holds")
    ui.execute_check(page)
    page.get_by_text("somebody deleted rows").first.wait_for(timeout=ui.RUN_MS)


# The last ones hurt what the first ones show.
SCENES = (
    Scene("materialization", _plots),
    Scene("backfill", _partitions),
    Scene("launch", _launch),
    Scene("graph", _graph, size=(1180, 560)),
    Scene("lineage", _lineage),
    Scene("sensors", _sensors),
    Scene("tick", _tick),
    Scene("coverage", _coverage),
    Scene("check", _check),
)
