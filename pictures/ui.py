"""What a person does in Dagster's UI, by what it says on the buttons."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

# The name of the code location in workspace.yaml.
LOCATION = "promtsdb"
# How often two looks must agree before a page counts as still, and how far apart they are.
_LOOKS, _LOOK_MS = 3, 250
# How long a run may take from a click to its result; the daemon looks for backfills every 30 s.
RUN_MS = 120_000
_RELOAD_MS = 6_000
# The width of the list beside the graph, less that of the buttons over its other end.
_LIST_PIXELS = 240


def asset_path(key: Sequence[str], view: str, **more: str) -> str:
    """Return the path of one tab of an asset."""
    return f"/assets/{'/'.join(map(quote, key))}?{urlencode({'view': view, **more})}"


def graph_path(opened: Iterable[str], selection: str = "") -> str:
    """Return the path of the lineage graph of a selection, with these groups opened."""
    groups = ",".join(f"global@global:{group}" for group in opened)
    chosen = f"~{quote(selection, safe='')}/" if selection else ""
    return f"/asset-groups{chosen}?{urlencode({'expanded': groups})}"


def open_wide_graph(
    page: Page, direction: str, opened: Iterable[str] = (), selection: str = ""
) -> None:
    """Open the lineage graph without the lists beside it, the whole in view.

    `direction` is horizontal, with the source on the left, or vertical.
    """
    own = page.viewport_size or {"width": 1280, "height": 800}
    stored = {"asset-graph-direction": json.dumps(direction), "dagster-nav-collapsed": "true"}
    page.add_init_script(
        f"Object.entries({json.dumps({**stored, 'large-screen-nav-open': 'false'})})"
        ".forEach(([name, value]) => localStorage.setItem(name, value))"
    )
    # The graph is fitted when it is drawn first, beside the list, and not again.
    page.set_viewport_size({**own, "width": own["width"] + _LIST_PIXELS})
    page.goto(graph_path(opened, selection))
    page.locator("foreignObject").first.wait_for()
    wait_still(page)
    page.get_by_role("img", name="panel_show_right").last.click()
    page.set_viewport_size(own)


def materialize(page: Page, key: Sequence[str]) -> None:
    """Press Materialize on an asset without partitions."""
    page.goto(asset_path(key, "overview"))
    _button(page, "Materialize").click()
    page.get_by_text("Launched run").wait_for()


def open_markdown(page: Page) -> Locator:
    """Open the newest picture among the metadata of the asset shown; return the picture."""
    picture = page.get_by_role("dialog").locator("img")
    # The page follows the status of its asset by itself, and not its metadata.
    _open(page, page.url, page.get_by_text("Show Markdown").first, picture)
    return picture


def open_launch_dialog(page: Page, key: Sequence[str]) -> Locator:
    """Press Materialize on an asset with partitions; return the dialog."""
    dialog = page.get_by_role("dialog")
    button = page.get_by_role("button", name="Materialize").first
    _open(page, asset_path(key, "partitions"), button, dialog.get_by_text("Partition selection"))
    return dialog


def choose_range(dialog: Locator, first: str, last: str) -> None:
    """Type a range of partitions, both inclusive, into the launch dialog."""
    box = dialog.locator("input[type=text]").first
    box.fill(f"[{first}...{last}]")
    box.press("Enter")


def launch(page: Page, dialog: Locator) -> None:
    """Press the dialog's button and wait until Dagster has taken the backfill."""
    dialog.get_by_role("button", name="Launch backfill").click()
    page.get_by_text("Created backfill").wait_for()


def choose_partition(page: Page, key: str) -> None:
    """Open one partition on the page of an asset's partitions; its metadata follow."""
    # The ends of the bar above the list have the same words.
    page.get_by_text(key, exact=True).filter(visible=True).last.click()
    page.get_by_text("rows_written", exact=True).wait_for()


def open_check(page: Page, key: Sequence[str], check: str) -> None:
    """Open the page of one check of an asset."""
    page.goto(asset_path(key, "checks", checkDetail=check))
    _button(page, "Execute").wait_for()


def execute_check(page: Page) -> None:
    """Run the check whose page is open; its result comes by itself."""
    _button(page, "Execute").click()


def open_skipped_tick(page: Page, sensor: str) -> Locator:
    """Open a sensor's newest tick that started nothing; return the dialog that says why."""
    dialog = page.get_by_role("dialog")
    button = page.get_by_role("button", name="0 runs requested").first
    _open(
        page, f"/locations/{LOCATION}/sensors/{sensor}", button, dialog.get_by_text("Skip reason")
    )
    return dialog


def _open(page: Page, url: str, opener: Locator, opened: Locator) -> None:
    # Drawn anew while it still loads, a page closes its dialog again: once may be too little.
    from playwright import sync_api as api

    for left in reversed(range(RUN_MS // _RELOAD_MS)):
        page.goto(url)
        try:
            opener.click(timeout=_RELOAD_MS)
            opened.wait_for(timeout=_RELOAD_MS)
        except api.TimeoutError:
            if not left:
                raise
        else:
            return


def _button(page: Page, text: str) -> Locator:
    # Not by its accessible name, which begins with that of its icon.
    return page.get_by_role("button").filter(has_text=re.compile(f"^{text}$"))


def wait_still(page: Page) -> None:
    """Return when the page has not changed for several looks; raises when it never rests."""
    page.evaluate(
        """async ([looks, pause]) => {
            const deadline = Date.now() + 30000;
            // Behind a dialog a page may go on moving: countdowns, timelines.
            const seen = () => (document.querySelector("[role=dialog]") ?? document.body)
                .innerHTML.replace(/\\d+ (second|minute)s? ago|\\d:\\d\\d/g, "");
            await document.fonts.ready;
            for (let last = null, same = 0; same < looks; ) {
                if (Date.now() > deadline) throw new Error("the page does not come to rest");
                await new Promise((done) => setTimeout(done, pause));
                const now = seen();
                same = now === last ? same + 1 : 0;
                last = now;
            }
        }""",
        [_LOOKS, _LOOK_MS],
    )
