"""The whole way in real processes: the SDK's client, its OAuth provider, and a user at headless Chromium."""

import contextlib
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp
import pytest

from tests.e2e.pair import READING_FIRST
from tests.e2e.sdk_client import REDIRECT_URI, Memory, connected

pytestmark = pytest.mark.browser


class UserAtBrowser:
    """Answers authorization requests by typing and clicking, in a tab without JavaScript."""

    def __init__(self, page, username, password, *, decision="approve"):
        self.page = page
        self.username = username
        self.password = password
        self.decision = decision
        self.complaints: list[str] = []
        self.decided: list[str] = []
        self.clears: list[str] = []
        """The scopes that the user leaves out of the next decision."""
        page.on("console", lambda message: self.complaints.append(message.text))

    async def listen(self):
        """Stand in for the program that waits on this device for the answer."""
        await self.page.route(f"{REDIRECT_URI}*", arrived)

    async def authorize(self, authorization_url):
        await self.page.goto(authorization_url)
        if await self.page.locator("[name=password]").count():
            await self.page.get_by_label("Username").fill(self.username)
            await self.page.get_by_label("Password").fill(self.password)
            await self.page.get_by_role("button", name="Sign in").click()
        await self.page.locator("[name=decision]").first.wait_for()
        self.decided.append(await self.page.locator("main").inner_text())
        while self.clears:
            await self.page.locator(f"[name=scope][value='{self.clears.pop()}']").uncheck()
        await self.page.locator(f"[name=decision][value={self.decision}]").click()
        await self.page.wait_for_url(f"{REDIRECT_URI}*")
        return dict(parse_qsl(urlsplit(self.page.url).query, keep_blank_values=True))


@pytest.fixture
async def user_at_browser(pair, browser_page):
    user = UserAtBrowser(browser_page, pair.username, pair.password)
    await user.listen()
    return user


@pytest.mark.parametrize("wire", ["2026-07-28", "legacy"])
async def test_a_user_lets_a_client_in_and_it_calls_a_tool(pair, user_at_browser, wire):
    async with connected(pair.resource, user_at_browser, wire=wire) as client:
        result = await client.call_tool("whoami", {})
        assert not result.is_error
    (page,) = user_at_browser.decided
    for told in ["A test client", "127.0.0.1", "Unverified app.", pair.username]:
        assert told in page
    assert user_at_browser.complaints == []


async def test_a_client_that_needs_more_asks_again_and_what_it_has_stands_apart(make_pair, browser_page):
    pair = await make_pair(own=READING_FIRST)
    user_at_browser: Any = UserAtBrowser(browser_page, pair.username, pair.password)
    await user_at_browser.listen()
    async with connected(pair.resource, user_at_browser) as client:
        await client.call_tool("list_notes", {})
        result = await client.call_tool("add_note", {"text": "remember the milk"})
        assert not result.is_error
    first, second = user_at_browser.decided
    assert "Add and delete notes" not in first
    assert "Add and delete notes" in second.partition("Already allowed")[0]
    assert "Read your notes" in second.partition("Already allowed")[2]


@pytest.mark.invariant(15)
async def test_a_scope_that_the_user_leaves_out_is_refused_until_the_client_asks_again(pair, user_at_browser):
    user_at_browser.clears = ["notes:write"]
    memory = Memory()
    async with connected(pair.resource, user_at_browser, memory=memory) as client:
        assert not (await client.call_tool("list_notes", {})).is_error
        assert memory.tokens.scope.split() == ["notes:read", "offline_access"]
        assert not (await client.call_tool("add_note", {"text": "remember the milk"})).is_error
    assert {"notes:read", "notes:write"} <= set(memory.tokens.scope.split())
    assert len(user_at_browser.decided) == 2
    assert "Read your notes" in user_at_browser.decided[1].partition("Already allowed")[2]
    assert user_at_browser.complaints == []


async def test_a_user_ends_the_access_on_their_page_and_the_client_must_ask_again(pair, user_at_browser):
    memory = Memory()
    async with connected(pair.resource, user_at_browser, memory=memory) as client:
        await client.call_tool("whoami", {})
    page = user_at_browser.page
    await page.goto(f"{pair.issuer}/account")
    listed = page.get_by_role("listitem").filter(has_text="A test client")
    before = await listed.count()
    assert before >= 1
    await listed.first.get_by_role("button", name="Remove access of A test client").click()
    await page.get_by_role("status").get_by_text("Access removed.").wait_for()
    assert await listed.count() == before - 1
    assert user_at_browser.complaints == []


async def test_a_denial_grants_nothing(pair, user_at_browser):
    user_at_browser.decision = "deny"
    memory = Memory()
    # Any exception of the SDK will do.
    with contextlib.suppress(Exception):
        async with connected(pair.resource, user_at_browser, memory=memory) as client:
            await client.call_tool("whoami", {})
    assert "error=access_denied" in user_at_browser.page.url
    assert memory.tokens is None


async def test_a_user_changes_the_password_and_signs_out_everywhere(pair, browser, browser_page):
    await pair.add_user("carol", "an old and quiet secret")
    other = await (await browser.new_context(java_script_enabled=False)).new_page()
    for page in (browser_page, other):
        await sign_in(page, pair, "carol", "an old and quiet secret")
    await browser_page.get_by_text("Change password").first.click()
    await browser_page.get_by_label("Current password").fill("an old and quiet secret")
    await browser_page.get_by_label("New password", exact=True).fill("a new and louder secret")
    await browser_page.get_by_label("New password again").fill("a new and louder secret")
    await browser_page.get_by_role("button", name="Change password").click()
    await browser_page.get_by_role("status").get_by_text("Password changed.").wait_for()
    await other.reload()
    await sign_in(other, pair, "carol", "a new and louder secret")
    await browser_page.get_by_text("Sign out everywhere").first.click()
    await browser_page.get_by_role("button", name="Yes, sign out everywhere").click()
    await browser_page.get_by_role("heading", name="You're signed out").wait_for()
    await other.reload()
    assert await other.get_by_role("heading", name="Sign in").is_visible()


async def sign_in(page, pair, username, password):
    await page.goto(f"{pair.issuer}/account")
    await page.get_by_label("Username").fill(username)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("heading", name="Your account").wait_for()


async def test_a_double_click_decides_once(pair, user_at_browser):
    async def click_twice(url):
        page = user_at_browser.page
        await page.goto(url)
        await page.get_by_label("Username").fill(pair.username)
        await page.get_by_label("Password").fill(pair.password)
        await page.get_by_role("button", name="Sign in").click()
        await page.locator("[name=decision][value=approve]").dblclick()
        await page.wait_for_url(f"{REDIRECT_URI}*")
        return dict(parse_qsl(urlsplit(page.url).query))

    user_at_browser.authorize = click_twice
    async with connected(pair.resource, user_at_browser) as client:
        assert not (await client.call_tool("whoami", {})).is_error


HOSTILE_NAME = "<img src=x onerror=alert(1)><script>alert(2)</script>\u202eedoC edualC\u2066 {{7*7}} ${7*7}" + "W" * 50


async def test_a_hostile_name_stays_text_even_where_scripts_run(pair, browser):
    """Consent phishing and cross-site scripting through an open registration (interop.md F20)."""
    async with aiohttp.ClientSession() as http:
        body = {"client_name": HOSTILE_NAME, "redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": "none"}
        async with http.post(f"{pair.issuer}/register", json=body) as response:
            client_id = (await response.json())["client_id"]
    page = await (await browser.new_context()).new_page()
    user = UserAtBrowser(page, pair.username, pair.password)
    page.on("dialog", lambda dialog: user.complaints.append(dialog.message))
    await user.listen()
    parameters = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": REDIRECT_URI,
        "code_challenge": "c" * 43,
        "code_challenge_method": "S256",
    }
    answer = await user.authorize(f"{pair.issuer}/authorize?{urlencode(parameters)}")
    assert "code" in answer
    (shown,) = user.decided
    assert "<script>alert(2)</script>" in shown
    assert "Unverified app." in shown
    assert "\u202e" not in shown
    assert user.complaints == []


async def test_reload_back_and_a_second_tab_each_lead_on(pair, user_at_browser):
    """Each page that is fetched carries a request of its own, and a sign-in in one tab breaks no page of another."""
    first, url = user_at_browser.page, await authorization_url(pair)
    for _ in range(2):
        await first.goto(url)
        await first.reload()
    second = await first.context.new_page()
    await second.route(f"{REDIRECT_URI}*", arrived)
    await second.goto(url.replace("state=one", "state=two"))
    await type_password(first, pair)
    await first.get_by_role("heading", name="This will let A test client use").wait_for()
    assert "transaction=" in first.url
    await first.go_back()
    assert "/authorize?" in first.url
    assert await first.locator("[name=decision]").count() == 2
    await first.get_by_role("button", name="Not you?").click()
    await type_password(first, pair)
    await first.locator("[name=decision]").first.wait_for()
    assert user_at_browser.complaints == []
    await type_password(second, pair)
    await second.locator("[name=decision][value=approve]").click()
    await second.wait_for_url(f"{REDIRECT_URI}*")
    assert "state=two" in second.url
    await first.locator("[name=decision][value=approve]").click()
    await first.wait_for_url(f"{REDIRECT_URI}*")
    assert "state=one" in first.url
    assert "code=" in first.url


async def test_a_request_that_a_site_posts_is_answered_in_the_session_of_the_browser(pair, user_at_browser):
    """A form of another site brings no cookie: answered directly, it would look like an unknown browser."""
    page = user_at_browser.page
    url = await authorization_url(pair)
    await page.goto(url)
    await type_password(page, pair)
    await page.locator("[name=decision]").first.wait_for()
    before = await page.context.cookies()
    endpoint, _, query = url.partition("?")
    inputs = "".join(f'<input type=hidden name="{name}" value="{value}">' for name, value in parse_qsl(query))
    body = f'<link rel=icon href=data:,><form method=post action="{endpoint}">{inputs}<button>Connect</button></form>'

    async def site(route):
        await route.fulfill(body=body, content_type="text/html")

    await page.route("https://client.example/", site)
    await page.goto("https://client.example/")
    await page.get_by_role("button", name="Connect").click()
    await page.locator("[name=decision][value=approve]").click()
    await page.wait_for_url(f"{REDIRECT_URI}*")
    assert "code=" in page.url
    assert await page.context.cookies() == before


async def type_password(page, pair):
    await page.get_by_label("Username").fill(pair.username)
    await page.get_by_label("Password").fill(pair.password)
    await page.get_by_role("button", name="Sign in").click()


async def arrived(route):
    await route.fulfill(body="<link rel=icon href=data:,><title>arrived</title>", content_type="text/html")


async def authorization_url(pair):
    async with aiohttp.ClientSession() as http:
        body = {"client_name": "A test client", "redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": "none"}
        async with http.post(f"{pair.issuer}/register", json=body) as response:
            client_id = (await response.json())["client_id"]
    parameters = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": REDIRECT_URI,
        "code_challenge": "c" * 43,
        "code_challenge_method": "S256",
        "state": "one",
    }
    return f"{pair.issuer}/authorize?{urlencode(parameters)}"
