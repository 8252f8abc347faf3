"""A real Chromium at the address of the MCP server."""

import pytest

pytestmark = pytest.mark.browser

ADDRESS = "http://localhost:9001/mcp"
STYLED = "() => getComputedStyle(document.querySelector('main')).borderTopWidth"
SELECTED = "() => getSelection().toString()"


async def test_the_page_is_shown_although_its_status_is_401(service, browser_page):
    complaints = []
    browser_page.on("console", lambda message: complaints.append(message.text))
    answer = await browser_page.goto(service.url)
    assert answer.status == 401
    assert await browser_page.locator("h1").is_visible()
    assert await browser_page.evaluate(STYLED) == "1px"
    assert not [text for text in complaints if "Content Security Policy" in text]


async def test_one_click_selects_what_is_copied(service, browser_page):
    await browser_page.goto(service.url)
    for copied in await browser_page.locator("pre").all():
        await copied.click()
        selected = await browser_page.evaluate(SELECTED)
        assert selected.strip() == await copied.text_content()
        assert ADDRESS in selected


async def test_a_wrong_address_leads_to_the_server(service, browser_page):
    answer = await browser_page.goto(f"{service.root}/nothing-here")
    assert answer.status == 404
    assert await browser_page.get_by_role("link").get_attribute("href") == ADDRESS
