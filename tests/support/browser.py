"""A real browser for tests: headless Chromium, driven by Playwright. Tests that use it are marked `browser`."""

import contextlib
import os
import re
import shutil
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser, Page, Playwright, async_playwright
from playwright.async_api import TimeoutError as PlaywrightTimeout

_CANDIDATES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
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


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One Chromium for the whole session: where it takes orders. Skips where there is none."""
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium on the path; name one in CHROMIUM")
    profile = tmp_path_factory.mktemp("chromium")
    command = [path, *ARGUMENTS, "--headless=new", "--remote-debugging-port=0", f"--user-data-dir={profile}"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert process.stderr is not None
    try:
        address = None
        for line in process.stderr:
            if found := re.search(r"DevTools listening on (ws://\S+)", line):
                address = found[1]
                break
        if address is None:
            pytest.fail(f"{path} ended before it listened")
        # Its output is not read from here on; a full pipe would stop it.
        reader = threading.Thread(target=process.stderr.read)
        reader.start()
        yield address
        process.terminate()
        reader.join()
    finally:
        process.terminate()
        process.wait(timeout=30)
        process.stderr.close()


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """A connection to Chromium; what is opened through it is gone after the test."""
    async with async_playwright() as playwright:
        connected = await _connected(playwright, chromium)
        yield connected
        await connected.close()


async def _connected(playwright: Playwright, address: str) -> Browser:
    """On a busy machine Chromium at times never answers a connection, and does answer the next."""
    for _ in range(2):
        with contextlib.suppress(PlaywrightTimeout):
            return await playwright.chromium.connect_over_cdp(address, timeout=30_000)
    return await playwright.chromium.connect_over_cdp(address, timeout=60_000)


@pytest.fixture
async def browser_page(browser: Browser) -> Page:
    """One tab without JavaScript, which no page of ours needs. For another kind, ask `browser.new_context(...)`."""
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    page.set_default_timeout(30_000)
    return page
