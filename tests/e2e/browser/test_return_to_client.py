"""A decision reaches the client in a real Chromium, under the pages' own Content-Security-Policy (interop.md F6)."""

import asyncio

import pytest

pytestmark = pytest.mark.browser

APP = "cursor://anysphere.cursor-mcp/oauth/callback?code=a&state=b"


def watch(page):
    """Everything that the browser complained about."""
    complaints = []
    page.on("console", lambda message: complaints.append(message.text))
    return complaints


class Navigations:
    """Addresses that the page itself asked the browser to go to, opened by other programs or not."""

    def __init__(self):
        self._seen = []
        self._changed = asyncio.Event()

    def add(self, event):
        self._seen.append((event["reason"], event["url"]))
        self._changed.set()

    async def wait_for(self, reason, url):
        async with asyncio.timeout(20):
            while (reason, url) not in self._seen:
                self._changed.clear()
                await self._changed.wait()


async def watch_navigations(page):
    asked = Navigations()
    session = await page.context.new_cdp_session(page)
    session.on("Page.frameRequestedNavigation", asked.add)
    await session.send("Page.enable")
    return asked


async def decide(page, page_server, decision="approve"):
    await page.goto(f"{page_server.origin}/sign-in")
    await page.fill("[name=username]", "ada")
    await page.fill("[name=password]", "right")
    await page.click("button[type=submit]")
    await page.wait_for_url(f"{page_server.origin}/consent")
    await page.click(f"[name=decision][value={decision}]")


@pytest.mark.parametrize("decision", ["approve", "deny"])
async def test_a_decision_reaches_a_program_on_this_device_without_javascript(
    browser_page, page_server, client_origin, decision
):
    page_server.goes_on_to = f"{client_origin}/callback?code=a&state=b"
    complaints = watch(browser_page)
    await decide(browser_page, page_server, decision)
    await browser_page.wait_for_url(page_server.goes_on_to)
    assert await browser_page.title() == "arrived"
    assert page_server.posted[-1] == {
        "transaction": "tx",
        "csrf": "cs",
        "scope": "notes:write",
        "decision": decision,
    }
    assert complaints == []


async def test_a_decision_reaches_a_website(browser_page, page_server):
    async def arrived(route):
        await route.fulfill(body="<title>arrived</title>", content_type="text/html")

    await browser_page.route("https://client.example/**", arrived)
    complaints = watch(browser_page)
    page_server.goes_on_to = "https://client.example/callback?code=a"
    await decide(browser_page, page_server)
    await browser_page.wait_for_url(page_server.goes_on_to)
    assert complaints == []


async def test_a_callback_may_redirect_to_another_origin(browser_page, page_server, client_origin):
    """claude.ai's callback redirects again; form-action would judge the whole chain of redirects."""
    complaints = watch(browser_page)
    page_server.goes_on_to = f"{client_origin}/hop?code=a"
    await decide(browser_page, page_server)
    await browser_page.wait_for_url("http://localhost:*/callback?code=a")
    assert complaints == []


async def test_a_redirect_in_place_of_the_page_would_be_blocked(browser_page, page_server, client_origin):
    """Why there is a page at all: form-action judges the answer to a form, wherever it redirects."""
    page_server.goes_on_to, page_server.redirects = f"{client_origin}/callback", True
    complaints = watch(browser_page)
    async with browser_page.expect_event("console"):
        await decide(browser_page, page_server)
    assert browser_page.url == f"{page_server.origin}/consent"
    assert any("form-action" in text for text in complaints)


async def test_a_decision_is_handed_to_an_app_and_the_page_stays_to_say_so(browser_page, page_server):
    page_server.goes_on_to = APP
    complaints = watch(browser_page)
    asked = await watch_navigations(browser_page)
    await decide(browser_page, page_server)
    await browser_page.wait_for_selector("h1:text('Access allowed')")
    await asked.wait_for("metaTagRefresh", APP)
    # A click cannot be observed reliably: Chromium drops it while it looks for a program for the navigation above.
    link = browser_page.get_by_role("link", name="Continue to Claude Code")
    assert await link.get_attribute("href") == APP
    assert await link.is_enabled()
    assert "close this window" in await browser_page.title()
    assert complaints == []


async def test_the_back_button_does_not_decide_again(browser_page, page_server, client_origin):
    page_server.goes_on_to = f"{client_origin}/callback?code=a"
    await decide(browser_page, page_server)
    await browser_page.wait_for_url(page_server.goes_on_to)
    decisions = len(page_server.posted)
    await browser_page.go_back()
    assert browser_page.url == f"{page_server.origin}/consent"
    assert await browser_page.title() == "Let Claude Code use Notes? · Sallyport"
    assert len(page_server.posted) == decisions


async def test_a_client_that_opened_a_popup_receives_the_response(browser, page_server, client_origin):
    """A Cross-Origin-Opener-Policy on any page of the flow would cut `window.opener` for good."""
    page = await (await browser.new_context()).new_page()
    page_server.goes_on_to = f"{client_origin}/callback?code=a"
    await page.goto(f"{client_origin}/#{page_server.origin}/sign-in")
    async with page.expect_popup() as opened:
        await page.click("button")
    await decide(await opened.value, page_server)
    await page.wait_for_function("document.title === '?code=a'")


async def test_no_referer_is_sent_to_the_client(browser_page, page_server, client_origin):
    seen = []
    browser_page.on("request", lambda request: seen.append((request.url, request.headers.get("referer"))))
    page_server.goes_on_to = f"{client_origin}/callback?code=a"
    await decide(browser_page, page_server)
    await browser_page.wait_for_url(page_server.goes_on_to)
    assert [referer for url, referer in seen if url.startswith(client_origin)] == [None]


@pytest.mark.parametrize("address", ["/sign-in", "/consent", "/going-on", "/account"])
async def test_no_site_can_frame_a_page(browser_page, page_server, client_origin, address):
    """Clickjacking (RFC 9700 section 4.16)."""
    async with browser_page.expect_event("requestfailed") as failed:
        await browser_page.goto(f"{client_origin}/frame?{page_server.origin}{address}")
    assert (await failed.value).url == page_server.origin + address
    assert (await failed.value).failure == "net::ERR_BLOCKED_BY_RESPONSE"
