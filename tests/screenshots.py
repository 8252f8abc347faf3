"""Takes screenshots of every page of both services: `make screenshots`.

All of them, light and dark, on a phone and on a desktop, go to build/screenshots; those that the documentation shows go
to docs/screenshots, as WebP of the first screen of a phone.
"""

import asyncio
import base64
import sys
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, Page, async_playwright

from tests.support.browser import ARGUMENTS, find_chromium
from tests.support.every_page import SIZES, every_page, show

REPOSITORY: Final = Path(__file__).parents[1]
ALL: Final = REPOSITORY / "build" / "screenshots"
DOCUMENTATION: Final = REPOSITORY / "docs" / "screenshots"
SHOWN: Final = ("sign-in", "consent", "account", "mcp-server")
"""The pages that the documentation shows."""

QUALITY: Final = 80
"""Of the WebP files: from 0 to 100."""


async def open_tab(browser: Browser, size: str, scheme: str, *, scale: float = 1) -> Page:
    """A tab of a size, in light or dark mode."""
    width, height = SIZES[size]
    context = await browser.new_context(
        java_script_enabled=False,
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": width, "height": height},
        device_scale_factor=scale,
    )
    return await context.new_page()


async def take_all(browser: Browser) -> int:
    """Take every page at both sizes and in both modes, in full length. Returns the number of files."""
    taken = 0
    for size in SIZES:
        for scheme in ("light", "dark"):
            tab = await open_tab(browser, size, scheme)
            for name, page in every_page().items():
                await show(tab, page)
                await tab.screenshot(path=ALL / f"{name}-{size}-{scheme}.png", full_page=True, caret="hide")
                taken += 1
            await tab.context.close()
    return taken


async def take_for_documentation(browser: Browser) -> None:
    """Take the first screen of each page that the documentation shows."""
    tab = await open_tab(browser, "phone", "light", scale=2)
    session = await tab.context.new_cdp_session(tab)
    for name in SHOWN:
        await show(tab, every_page()[name])
        taken = await session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
        (DOCUMENTATION / f"{name}.webp").write_bytes(base64.b64decode(taken["data"]))


async def main() -> int:
    """Returns the exit code."""
    chromium = find_chromium()
    if chromium is None:
        print("Chromium is not installed: run make test-tools, or name it with CHROMIUM=/path", file=sys.stderr)
        return 1
    for directory in (ALL, DOCUMENTATION):
        directory.mkdir(parents=True, exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        taken = await take_all(browser)
        await take_for_documentation(browser)
        await browser.close()
    print(
        f"{taken} screenshots in {ALL.relative_to(REPOSITORY)}, {len(SHOWN)} in {DOCUMENTATION.relative_to(REPOSITORY)}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
