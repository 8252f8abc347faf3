"""The decision is on the first screen: buttons, the host of the redirect URI and the first scope need no scrolling.

The pages are those that both services answer the clients of client_profiles.py with.
"""

import asyncio
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest

import auth_service.wiring
from auth_service.pages.consent_views import ImitationView
from auth_service.pages.renderer import Pages
from auth_service.pages.views import ScopeView
from auth_service.protocol.redirect_uri import redirect_target
from auth_service.users.passwords import PasswordHasher
from tests.e2e.browser.providers.user import DESKTOP, PHONE
from tests.e2e.client_profiles import PROFILES
from tests.e2e.local_pair import LocalPair
from tests.e2e.profile_journey import Journey
from tests.support.auth_server import CHEAP
from tests.support.every_page import CONSENT_BY_PROVIDER
from tests.support.openid_provider import OpenIdProvider, through_provider
from tests.support.user_agent import user_agent

pytestmark = [pytest.mark.browser, pytest.mark.invariant(7)]


@dataclass(frozen=True)
class ShownPage:
    """A consent page as it was answered."""

    name: str
    host: str
    """The host of its redirect URI."""
    text: str


async def consent_pages(pair, user):
    """The consent page of every client profile, for one user."""
    shown: list[ShownPage] = []
    async with Journey(PROFILES[0], pair, user) as first:
        await first.discover()
    for profile in PROFILES:
        async with Journey(profile, pair, user) as client:
            client.server, client.challenged_scope = first.server, first.challenged_scope
            await client.identify()
            page = await user.get(client.authorization_url(client.asked_scope(), "v" * 43, "the-state"))
        while not any(("decision", "approve") in form.buttons for form in page.forms):
            page = await (user.get(page.onward) if page.onward else user.fill_in(page))
        host = redirect_target(profile.redirect_uri).host
        shown.append(ShownPage(profile.name, host, page.text))
    return shown


async def pages_of_both_identities():
    async with LocalPair() as pair, await pair.add_user_agent("ada") as user:
        with_password = await consent_pages(pair, user)
    async with OpenIdProvider() as provider, LocalPair(**through_provider(provider)) as pair:
        provider.claims = {"sub": "1", "email": "ada.lovelace@analytical-engines.example", "email_verified": True}
        async with user_agent("", "", provider=provider.url) as user:
            by_provider = await consent_pages(pair, user)
    return {"password": with_password, "provider": by_provider}


@pytest.fixture(scope="module")
def shown_pages():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auth_service.wiring, "PasswordHasher", partial(PasswordHasher, parameters=CHEAP))
        return asyncio.run(pages_of_both_identities())


SIZES: tuple[Any, ...] = (PHONE, DESKTOP)
UNSEEN = """(host) => {
  const wanted = {
    deny: document.querySelector('[name=decision][value=deny]'),
    allow: document.querySelector('[name=decision][value=approve]'),
    host: [...document.querySelectorAll('.host')].find((element) => element.textContent === host),
    scope: document.querySelector('.scopes li'),
  };
  const seen = (element) => [...element.getClientRects()].every((line) => {
    const inside = line.top >= 0 && line.left >= 0 && line.bottom <= innerHeight && line.right <= innerWidth;
    const corners = [[line.left + 2, line.top + 2], [line.right - 2, line.bottom - 2]];
    return inside && corners.every(([x, y]) => {
      const there = document.elementFromPoint(x, y);
      return element.contains(there) || there.contains(element);
    });
  });
  return Object.keys(wanted).filter((name) => !wanted[name] || !seen(wanted[name]));
}"""
"""Those of the four that are not in the window, or are covered."""


async def unseen_in(page, shown):
    """By the size of the window: what is missing on the first screen."""
    await page.set_content(shown.text)
    unseen = {}
    for size in SIZES:
        await page.set_viewport_size(size)
        unseen[size["width"]] = await page.evaluate(UNSEEN, shown.host)
    return unseen


@pytest.mark.parametrize("identity", ["password", "provider"])
async def test_every_client_is_decided_about_on_the_first_screen(browser, shown_pages, identity):
    page = await (await browser.new_context()).new_page()
    for shown in shown_pages[identity]:
        assert await unseen_in(page, shown) == {390: [], 1280: []}, shown.name


LONG_HOST = ".".join(["accounts.bank.example", *["a" * 60] * 3, "b" * 35, "evil.example"])
LARGEST = replace(
    CONSENT_BY_PROVIDER,
    client_name="W" * 4000,
    resource_name="W" * 100,
    redirect_host=LONG_HOST,
    redirect_uri=f"https://{LONG_HOST}/callback",
    redirect_is_local=False,
    imitation=ImitationView("Microsoft Copilot", "copilotstudio.microsoft.com"),
    scopes=tuple(
        ScopeView(
            f"notes:{number}", "Read, change, share and delete the notes of everybody in your organisation", required
        )
        for number, required in enumerate((True, False, True, False, True, False))
    ),
)
"""More than any client asks for: the longest names and host, six scopes with choices, and every further part."""


async def test_the_largest_request_of_a_client_with_hostile_names_does_not_push_the_decision_away(browser):
    page = await (await browser.new_context()).new_page()
    assert len(LONG_HOST) == 253
    shown = ShownPage("hostile", LONG_HOST, Pages().consent(LARGEST).text or "")
    assert await unseen_in(page, shown) == {390: [], 1280: []}


FOCUS = """() => {
  const { top, bottom } = document.activeElement.getBoundingClientRect();
  const decision = document.querySelector('.decision');
  const edge = decision.contains(document.activeElement) ? innerHeight : decision.getBoundingClientRect().top;
  return [document.activeElement.value || document.activeElement.textContent, top >= 0 && bottom <= edge];
}"""
"""The focused element, and whether all of it is visible."""


@pytest.mark.parametrize("size", SIZES, ids=["phone", "desktop"])
async def test_the_focused_control_is_never_behind_the_decision(browser, size):
    """WCAG 2.2, success criterion 2.4.11, forwards and backwards through the largest request."""
    page = await (await browser.new_context(viewport=size)).new_page()
    await page.set_content(Pages().consent(LARGEST).text)
    reached: list[tuple[str, bool]] = []
    for key in ["Tab"] * 8 + ["Shift+Tab"] * 7:
        await page.keyboard.press(key)
        reached.append(await page.evaluate(FOCUS))
    assert all(is_seen for _, is_seen in reached), reached
    assert [name for name, _ in reached[:8]] == [
        "notes:1",
        "notes:3",
        "notes:5",
        "Not you?",
        "your account",
        "Details",
        "deny",
        "approve",
    ]


async def test_at_200_percent_the_decision_covers_nothing_and_can_be_scrolled_to(browser):
    """A window half as large, which is what a zoom of 200 % makes of it: the decision stands at the end of the page."""
    page = await (await browser.new_context()).new_page()
    for size in SIZES:
        await page.set_viewport_size({name: length // 2 for name, length in size.items()})
        await page.set_content(Pages().consent(LARGEST).text)
        assert await page.evaluate("getComputedStyle(document.querySelector('.decision')).position") == "static"
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await page.locator("[value=approve]").scroll_into_view_if_needed()
        assert not {"deny", "allow"} & set(await page.evaluate(UNSEEN, LONG_HOST))
