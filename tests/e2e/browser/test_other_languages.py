"""Pages in a language that is written from right to left and has longer words, at the width of a phone."""

import pytest

from tests.support.pseudo_language import PSEUDO_LANGUAGE

pytestmark = pytest.mark.browser

PAGES = [
    "/sign-in",
    "/sign-in-providers-first",
    "/account",
    "/account-refused",
    "/account-again",
    "/error",
    "/user-refused",
    "/unknown-client",
    "/signed-out",
    "/going-on",
]

OUTSIDE = """() => [...document.querySelectorAll('main *')].filter((element) => {
  const box = element.getBoundingClientRect();
  const hidden = element.closest('.unseen') || !element.checkVisibility() || box.width === 0;
  const cut = element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).display !== 'inline';
  return !hidden && (box.left < 0 || box.right > innerWidth || cut && element.clientWidth > 0);
}).map((element) => element.outerHTML.slice(0, 120))"""


@pytest.fixture
def catalogue():
    return PSEUDO_LANGUAGE


@pytest.fixture
async def phone(browser):
    context = await browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    return await context.new_page()


async def test_nothing_is_wider_than_the_screen(phone, page_server):
    for address in PAGES:
        await phone.goto(page_server.origin + address)
        await phone.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true })")
        assert await phone.evaluate("document.documentElement.scrollWidth") <= 390, address
        assert await phone.evaluate(OUTSIDE) == [], address


async def test_texts_and_fields_begin_at_the_right(phone, page_server):
    await phone.goto(f"{page_server.origin}/sign-in")
    card, label, field = [await phone.locator(part).bounding_box() for part in ("main", "label >> nth=0", "h1")]
    assert await phone.evaluate("getComputedStyle(document.querySelector('main')).direction") == "rtl"
    for inner in (label, field):
        assert card["x"] + card["width"] - (inner["x"] + inner["width"]) < 40
    mark, name = [await phone.locator(part).bounding_box() for part in (".mark", ".brand span")]
    assert mark["x"] > name["x"]


async def test_an_address_keeps_its_own_direction(phone, page_server):
    await phone.goto(f"{page_server.origin}/error")
    shown = await phone.evaluate("getComputedStyle(document.querySelector('code.host')).direction")
    assert shown == "ltr"


async def test_no_text_of_a_page_stays_english(phone, page_server):
    await phone.goto(f"{page_server.origin}/account")
    words = await phone.locator("main").inner_text()
    for english in ("Your account", "Remove access", "Sign out", "ago", "September"):
        assert english not in words
