"""A real browser for tests: headless Chromium, driven by Playwright. Tests that use it are marked `browser`."""

import os
import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, async_playwright

_CANDIDATES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_ARGUMENTS = (
    "--no-sandbox",  # tests may run as root, where Chromium's own sandbox refuses to start
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def find_chromium() -> str | None:
    """The browser to test with: `CHROMIUM`, or the first one on the path."""
    named = os.environ.get("CHROMIUM")
    if named:
        return named
    return next((found for name in _CANDIDATES if (found := shutil.which(name))), None)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A fresh Chromium; skips where there is none."""
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium on the path; name one in CHROMIUM")
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=path, args=list(_ARGUMENTS))
        yield launched
        await launched.close()


@pytest.fixture
async def browser_page(browser: Browser) -> Page:
    """One tab without JavaScript, which no page of ours needs. For another kind, ask `browser.new_context(...)`."""
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    page.set_default_timeout(15_000)
    return page
