"""A user in Chromium in front of a deployment with identity providers, and the client that sends the user there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

import aiohttp

from tests.e2e.sdk_client import REDIRECT_URI
from tests.support.oauth import challenge, redirect_parameters

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page, Route

    from tests.e2e.pair import Pair

PHONE: Final[Any] = {"width": 390, "height": 844}
DESKTOP: Final[Any] = {"width": 1280, "height": 800}
VERIFIER: Final = "v" * 43


class BrowserUser:
    """One browser, new unless the test goes on with it."""

    def __init__(self, page: Page, pair: Pair) -> None:
        self.page = page
        self.complaints: list[str] = []
        """Console messages of the browser."""
        self._pair = pair
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("dialog", lambda dialog: self.complaints.append(dialog.message))

    @classmethod
    async def open(cls, browser: Browser, pair: Pair, *, size: Any = PHONE, scripts: bool = False) -> BrowserUser:
        """A new browser, in which the client's callback answers by itself."""
        context = await browser.new_context(java_script_enabled=scripts, viewport=size)
        page = await context.new_page()
        page.set_default_timeout(15_000)
        await page.route(f"{REDIRECT_URI}*", _arrive)
        return cls(page, pair)

    async def connect(self, **parameters: str) -> None:
        """Follow the link of a client that was registered for it."""
        await self.page.goto(await authorization_url(self._pair, **parameters))

    async def at_account(self) -> None:
        """Open the account page, or the sign-in page before it."""
        await self.page.goto(f"{self._pair.issuer}/account")

    async def choose(self, provider: str) -> None:
        """Press the button of a provider; wait for its page."""
        await self.page.get_by_role("button", name=f"Continue with {provider}").click()
        await self.page.get_by_role("heading", name=f"Sign in at {provider}").wait_for()

    async def sign_in_there(self, login: str) -> None:
        """Type the name on the page of the provider, and come back."""
        await self.page.get_by_label("Login").fill(login)
        await self.page.get_by_role("button", name="Continue").click()

    async def through(self, provider: str, login: str) -> None:
        """Both, up to the consent page."""
        await self.choose(provider)
        await self.sign_in_there(login)
        await self.page.locator("[name=decision]").first.wait_for()

    async def type_password(self) -> None:
        """Sign in as the user of the pair."""
        await self.page.get_by_label("Username").fill(self._pair.username)
        await self.page.get_by_label("Password").fill(self._pair.password)
        await self.page.get_by_role("button", name="Sign in").click()

    async def allow(self) -> dict[str, str]:
        """Allow; the parameters that the client gets."""
        await self.page.get_by_role("button", name="Allow").click()
        return await self.arrived()

    async def arrived(self) -> dict[str, str]:
        """Wait until the browser is back at the client; the parameters of the response."""
        await self.page.wait_for_url(f"{REDIRECT_URI}*")
        return redirect_parameters(self.page.url)

    async def words(self) -> str:
        """The page as it is read."""
        return await self.page.locator("main").inner_text()

    async def buttons(self) -> list[str]:
        """The ways to sign in, as the page orders them."""
        shown = await self.page.locator("main button:visible").all_inner_texts()
        return [" ".join(text.split()) for text in shown]

    async def expect_to_fit(self) -> None:
        """Nothing of the page lies beyond its right edge."""
        width = await self.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert width[0] <= width[1], f"{urlsplit(self.page.url).path} scrolls sideways"


async def authorization_url(pair: Pair, *, client_name: str = "A test client", **parameters: str) -> str:
    """The address of an authorization request of a new client."""
    body = {"client_name": client_name, "redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": "none"}
    async with aiohttp.ClientSession() as http, http.post(f"{pair.issuer}/register", json=body) as response:
        client_id = (await response.json())["client_id"]
    request = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": REDIRECT_URI,
        "code_challenge": challenge(VERIFIER),
        "code_challenge_method": "S256",
        "scope": "notes:read notes:write",
    }
    return f"{pair.issuer}/authorize?{urlencode(request | parameters)}"


async def _arrive(route: Route) -> None:
    await route.fulfill(body="<link rel=icon href=data:,><title>arrived</title>", content_type="text/html")
