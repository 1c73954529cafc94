"""What a person does in Dagster's UI, by what it says on the buttons."""

from __future__ import annotations

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


def asset_path(key: Sequence[str], view: str, **more: str) -> str:
    """Return the path of one tab of an asset."""
    return f"/assets/{'/'.join(map(quote, key))}?{urlencode({'view': view, **more})}"


def graph_path(groups: Iterable[str], selection: str = "") -> str:
    """Return the path of the lineage graph with these groups opened."""
    opened = ",".join(f"global@global:{group}" for group in groups)
    more = {"asset-selection": selection} if selection else {}
    return f"/asset-groups?{urlencode({'expanded': opened, **more})}"


def open_launch_dialog(page: Page, key: Sequence[str]) -> Locator:
    """Press Materialize on an asset with partitions; return the dialog."""
    page.goto(asset_path(key, "partitions"))
    page.get_by_role("button", name="Materialize").first.click()
    dialog = page.get_by_role("dialog")
    ready = dialog.get_by_text("Partition selection")
    # Of a database that Dagster did not migrate itself it asks first.
    sure = dialog.get_by_role("button", name="Confirm")
    ready.or_(sure).first.wait_for()
    if sure.is_visible():
        sure.click()
        ready.wait_for()
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


def open_check(page: Page, key: Sequence[str], check: str) -> None:
    """Open the page of one check of an asset."""
    page.goto(asset_path(key, "checks", checkDetail=check))
    _button(page, "Execute").wait_for()


def execute_check(page: Page) -> None:
    """Run the check whose page is open; its result comes by itself."""
    _button(page, "Execute").click()


def open_sensor(page: Page, name: str) -> None:
    """Open the page of a sensor with its ticks."""
    page.goto(f"/locations/{LOCATION}/sensors/{name}")


def open_skipped_tick(page: Page) -> Locator:
    """Open the newest tick that started nothing; return the dialog that says why."""
    page.get_by_role("button", name="0 runs requested").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Skip reason").wait_for()
    return dialog


def _button(page: Page, text: str) -> Locator:
    # Not by its accessible name, which begins with that of its icon.
    return page.get_by_role("button").filter(has_text=re.compile(f"^{text}$"))


def wait_still(page: Page) -> None:
    """Return when the page has not changed for several looks; raises when it never rests."""
    page.evaluate(
        """async ([looks, pause]) => {
            const deadline = Date.now() + 30000;
            const seen = () => document.body.innerHTML.replace(/\\d+ (second|minute)s? ago/g, "");
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
