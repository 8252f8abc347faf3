"""Accessibility of the pages in a real Chromium: the criteria of WCAG 2.2 AA that a program can check."""

import re

import pytest

from auth_service.pages.appearance import contrast
from tests.support.every_page import every_page, show

pytestmark = pytest.mark.browser

TEXT_COLOURS = """() => {
  const opaque = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (colour !== 'rgba(0, 0, 0, 0)') return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const element = walker.currentNode.parentElement;
    if (text && element.checkVisibility()) found.push([text, getComputedStyle(element).color, opaque(element)]);
  }
  return found;
}"""

CONTROLS = "input:not([type=hidden], [type=checkbox], [hidden]), .button"

EDGE_COLOURS = """(controls) => [...document.querySelectorAll(controls)].map((element) => {
  element.focus();
  const style = getComputedStyle(element);
  const around = getComputedStyle(document.querySelector('main')).backgroundColor;
  return [element.name || element.textContent, style.borderTopColor, style.outlineColor, style.outlineStyle, around];
})"""


UNFOLD = "document.querySelectorAll('details').forEach((fold) => { fold.open = true })"


def rgb(colour):
    channels = re.fullmatch(r"rgb\((\d+), (\d+), (\d+)\)", colour)
    assert channels, f"{colour} is not opaque: its contrast cannot be told"
    return tuple(int(c) for c in channels.groups())


SCHEMES = ["light", pytest.param("dark", marks=pytest.mark.long)]


@pytest.fixture(params=SCHEMES)
async def page(browser, request):
    context = await browser.new_context(
        java_script_enabled=False, color_scheme=request.param, viewport={"width": 320, "height": 600}
    )
    return await context.new_page()


async def test_every_text_stands_out_from_its_ground(page):
    for name, example in every_page().items():
        await show(page, example)
        await page.evaluate(UNFOLD)
        texts = await page.evaluate(TEXT_COLOURS)
        assert len(texts) >= 4
        weak = [(text, a, b) for text, a, b in texts if contrast(rgb(a), rgb(b)) < 4.5]
        assert weak == [], name


async def test_every_control_has_an_edge_and_a_focus_that_can_be_seen(page, page_server):
    for address in ("/sign-in", "/consent", "/user-refused", "/account-refused", "/sign-in-providers-first"):
        await page.goto(page_server.origin + address)
        await page.evaluate(UNFOLD)
        controls = await page.evaluate(EDGE_COLOURS, CONTROLS)
        assert controls
        for name, edge, outline, style, around in controls:
            assert contrast(rgb(edge), rgb(around)) >= 3, name
            assert style == "solid", name
            assert contrast(rgb(outline), rgb(around)) >= 3, name


async def test_a_phone_of_320_pixels_never_scrolls_sideways_even_with_text_twice_as_large(page):
    for name, example in every_page().items():
        await show(page, example)
        await page.evaluate(UNFOLD)
        for size in ("100%", "200%"):
            await page.evaluate("size => { document.documentElement.style.fontSize = size }", size)
            assert await page.evaluate("document.documentElement.scrollWidth") <= 320, (name, size)


async def test_every_control_is_large_enough_for_a_finger(page):
    for name, example in every_page().items():
        await show(page, example)
        await page.evaluate(UNFOLD)
        for control in await page.locator(f"{CONTROLS}, summary").all():
            box = await control.bounding_box()
            assert box["height"] >= 44, name
            assert box["width"] >= 44, name


async def test_sign_in_and_consent_need_no_more_than_a_keyboard(browser_page, page_server, client_origin):
    page_server.goes_on_to = f"{client_origin}/callback"
    await browser_page.goto(f"{page_server.origin}/sign-in")
    keys = browser_page.keyboard
    await browser_page.locator("input[name=username]:focus").wait_for()
    await keys.type("ada")
    await keys.press("Tab")
    await keys.type("wrong")
    await keys.press("Enter")
    await browser_page.get_by_role("alert").wait_for()
    # The name is kept, the focus is where it is needed.
    await browser_page.locator("input[name=password]:focus").wait_for()
    await keys.type("right")
    await keys.press("Enter")
    await browser_page.wait_for_url(f"{page_server.origin}/consent")
    await keys.press("Tab")
    assert await browser_page.locator(":focus").get_attribute("value") == "notes:write"
    await keys.press("Space")
    for reached in ("Not you?", "your account", "Details", "Deny", "Allow"):
        await keys.press("Tab")
        assert await browser_page.locator(":focus").inner_text() == reached
    await keys.press("Enter")
    await browser_page.wait_for_url(page_server.goes_on_to)
    assert [(p.get("username"), p.get("scope"), p.get("decision")) for p in page_server.posted] == [
        ("ada", None, None),
        ("ada", None, None),
        (None, None, "approve"),
    ]


async def test_no_key_decides_before_a_button_has_the_focus(browser_page, page_server):
    await browser_page.goto(f"{page_server.origin}/consent")
    await browser_page.keyboard.press("Enter")
    await browser_page.keyboard.press("Space")
    await browser_page.keyboard.press("Tab")
    assert page_server.posted == []


async def test_a_screen_reader_gets_the_labels_and_the_problem_of_the_sign_in_form(browser_page, page_server):
    await browser_page.goto(f"{page_server.origin}/sign-in")
    await browser_page.get_by_label("Username").fill("ada")
    await browser_page.get_by_label("Password").fill("wrong")
    await browser_page.get_by_role("button", name="Sign in").click()
    await browser_page.get_by_role("alert").wait_for()
    session = await browser_page.context.new_cdp_session(browser_page)
    tree = (await session.send("Accessibility.getFullAXTree"))["nodes"]
    described = {
        node["name"]["value"]: node["description"]["value"]
        for node in tree
        if node.get("role", {}).get("value") == "textbox" and "description" in node
    }
    assert set(described) == {"Username", "Password"}
    assert all("Incorrect username or password." in text for text in described.values())


async def test_a_screen_reader_gets_the_consent_page_in_the_order_that_matters(browser_page, page_server):
    await browser_page.goto(f"{page_server.origin}/consent")
    snapshot = await browser_page.locator("body").aria_snapshot()
    order = [
        "- banner",
        "- main",
        'heading "This will let Claude Code use Notes" [level=1]',
        "Read your notes",
        'checkbox "Add, change and delete your notes" [checked]',
        "Unverified app.",
        "127.0.0.1",
        "It could be any program.",
        'button "Deny"',
        'button "Allow"',
    ]  # fmt: skip
    at = [snapshot.find(text) for text in order]
    assert -1 not in at, snapshot
    assert at == sorted(at), snapshot


async def test_the_consent_page_is_not_printed(browser_page, page_server):
    await browser_page.goto(f"{page_server.origin}/consent")
    await browser_page.emulate_media(media="print")
    assert not await browser_page.locator("main").is_visible()


async def test_a_provider_is_reached_by_keyboard_and_enter_in_the_password_field_signs_in(browser_page, page_server):
    await browser_page.goto(f"{page_server.origin}/sign-in-providers-first")
    keys = browser_page.keyboard
    await keys.press("Tab")
    assert await browser_page.locator(":focus").inner_text() == "Continue with Google"
    await keys.press("Tab")
    assert "isn't responding" in await browser_page.locator(":focus").inner_text()
    await keys.press("Tab")
    await keys.type("ada")
    await keys.press("Tab")
    await keys.type("right")
    await keys.press("Enter")
    await browser_page.wait_for_url(f"{page_server.origin}/consent")
    assert ["provider" in form for form in page_server.posted] == [False]
