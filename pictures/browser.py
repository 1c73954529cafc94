"""A headless Chromium that shows one server and nothing else."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Page, Response, Route

# In the order of preference; Debian's own name first.
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PATIENCE_MS = 30_000


@dataclass
class Window:
    """One page of a browser, and what it complained of."""

    page: Page
    complaints: list[str] = field(default_factory=list)


def missing() -> str | None:
    """Return what is missing for a browser and the command that mends it, or None."""
    if find_chromium() is None:
        return "Chromium is not on the PATH; `sudo apt-get install chromium`"
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "playwright is not installed; `scripts/setup --tests` installs it"
    # Node.js of its own: it has machine code for some systems, and needs libraries.
    driver = subprocess.run(
        [sys.executable, "-m", "playwright", "--version"],
        capture_output=True,
        text=True,
        check=False,
    )
    if driver.returncode:
        said = (driver.stderr.strip().splitlines() or ["it says nothing"])[-1]
        return f"playwright does not start: {said}; on Debian `sudo apt-get install libatomic1`"
    return None


def find_chromium() -> Path | None:
    """Return the system's browser."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    return Path(found) if found else None


@contextlib.contextmanager
def open_window(url: str, *, width: int, height: int, scale: float = 1) -> Iterator[Window]:
    """Lend a page that reaches `url` only; sizes in CSS pixels, `scale` pixels of the picture each.

    What would differ between machines is fixed: zone, language, theme, no animation.
    """
    from playwright.sync_api import sync_playwright

    host = urlsplit(url).netloc
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(),
            # A container's /dev/shm is small. No sandbox: the page is ours, and root has none.
            args=["--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars"],
            chromium_sandbox=False,
        )
        try:
            context = browser.new_context(
                base_url=url,
                viewport={"width": width, "height": height},
                device_scale_factor=scale,
                color_scheme="light",
                reduced_motion="reduce",
                timezone_id="UTC",
                locale="en-GB",
            )
            context.set_default_timeout(_PATIENCE_MS)
            page = context.new_page()
            window = Window(page)
            _watch(window, host)
            yield window
        finally:
            browser.close()


def _watch(window: Window, host: str) -> None:
    def only_ours(route: Route) -> None:
        if urlsplit(route.request.url).netloc == host:
            route.continue_()
        else:
            # Dagster asks for its news; a picture or a test has no business on the Internet.
            route.abort()

    def heard(message: ConsoleMessage) -> None:
        at = urlsplit(message.location.get("url", "")).netloc
        if message.type == "error" and at in ("", host):
            window.complaints.append(f"console: {message.text}")

    def answered(response: Response) -> None:
        if urlsplit(response.url).netloc == host and response.status >= 400:
            window.complaints.append(f"{response.status} of {response.url}")

    window.page.route("**/*", only_ours)
    window.page.on("console", heard)
    window.page.on("response", answered)
    window.page.on("pageerror", lambda error: window.complaints.append(f"script: {error}"))
