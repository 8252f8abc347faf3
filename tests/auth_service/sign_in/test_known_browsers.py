"""Floods of sign-ins at providers: browsers that signed in before have a share of their own (P15)."""

import asyncio

import pytest

from auth_service.rate_limits import policy
from shared.rates import Rate
from tests.support.fake_provider import press, sign_in_at

KNOWN = "__Host-sallyport-known"
OWNER = {"X-Forwarded-For": "198.51.100.1"}
NETWORKS = [{"X-Forwarded-For": f"203.0.113.{number}"} for number in range(1, 17)]


@pytest.fixture
async def proxied(start_auth, lone):
    """The service with one provider as the only way to sign in, and clients that have networks of their own."""
    return await start_auth(
        IDENTITY_PROVIDERS=lone.setting,
        PASSWORDS="off",
        TRUSTED_PROXIES="127.0.0.1",
        build_provider=lone.build,
    )


def lower(monkeypatch, limit, burst):
    # A name of its own: what was counted before at the rate of the policy would count for less than a minute.
    lowered = policy.RateLimit(f"lowered_{limit.lower()}", Rate(1, 60, burst=burst), policy.Backend.REDIS, "lowered")
    monkeypatch.setattr(policy, limit, lowered)


async def known_browser(server, lone, *, subject="upstream-ada"):
    """A browser in which a user has signed in, and signed out again."""
    user = server.user_agent()
    lone["acme"].subject = subject
    assert (await sign_in_at(user, await user.get("/sign-in"), "acme")).status == 303
    del user.cookies["__Host-sallyport-session"]
    return user


async def button(user, *, origin=OWNER):
    """Press the button on the sign-in page; the status of the answer."""
    form = (await user.get("/sign-in", headers=origin)).forms[0]
    return (await user.post(form.action, form.inputs | {"provider": "acme"}, headers=origin)).status


async def flood(server, number):
    """Press the button so many times, from many networks; the statuses of the answers."""
    stranger = server.user_agent()
    form = (await stranger.get("/sign-in", headers=NETWORKS[0])).forms[0]
    inputs = form.inputs | {"provider": "acme"}

    async def from_network(origin, times):
        return [(await stranger.post(form.action, inputs, headers=origin)).status for _ in range(times)]

    each = -(-number // len(NETWORKS))
    return [s for found in await asyncio.gather(*(from_network(n, each) for n in NETWORKS)) for s in found]


async def test_a_known_browser_signs_in_while_strangers_use_up_the_whole_limit(proxied, lone, monkeypatch):
    user = await known_browser(proxied, lone)
    lower(monkeypatch, "PROVIDER_SIGN_INS_IN_ALL", 16)
    statuses = await flood(proxied, 64)
    assert 429 in statuses
    assert await button(proxied.user_agent()) == 429
    page = await user.get("/sign-in", headers=OWNER)
    assert (await sign_in_at(user, page, "acme")).status == 303


async def test_a_known_browser_signs_in_on_the_network_of_a_flood(proxied, lone, monkeypatch):
    user = await known_browser(proxied, lone)
    lower(monkeypatch, "PROVIDER_SIGN_INS", 8)
    stranger = proxied.user_agent()
    statuses = {await button(stranger, origin=NETWORKS[0]) for _ in range(16)}
    assert statuses == {200, 429}
    assert await button(user, origin=NETWORKS[0]) == 200


async def test_a_user_has_one_share_in_all_browsers_and_others_have_theirs(proxied, lone, monkeypatch):
    first, second = await known_browser(proxied, lone), await known_browser(proxied, lone)
    other = await known_browser(proxied, lone, subject="upstream-bob")
    lower(monkeypatch, "KNOWN_BROWSER_SIGN_INS", 4)
    statuses = [await button(browser) for _ in range(4) for browser in (first, second)]
    assert statuses == [200] * 4 + [429] * 4
    assert await button(other) == 200


async def test_all_known_browsers_together_have_a_bound(proxied, lone, monkeypatch):
    lower(monkeypatch, "KNOWN_BROWSER_SIGN_INS_IN_ALL", 2)
    users = [await known_browser(proxied, lone, subject=f"upstream-{n}") for n in range(3)]
    assert [await button(user) for user in users] == [200, 200, 429]


@pytest.mark.parametrize(
    "forge",
    [
        lambda value, _: value[:-4] + ("AAAA" if value[-4:] != "AAAA" else "BBBB"),
        lambda value, _: "another" + value[value.index(".") :],
        lambda value, _: value.split(".")[0],
        lambda _, of_another: of_another,
        lambda *_: "ü.ü",
    ],
    ids=["another MAC", "another subject", "no MAC", "that of another browser", "no value of ours"],
)
async def test_a_forged_or_copied_cookie_makes_no_browser_known(proxied, lone, monkeypatch, forge):
    one, another = await known_browser(proxied, lone), await known_browser(proxied, lone)
    lower(monkeypatch, "PROVIDER_SIGN_INS_IN_ALL", 1)
    await flood(proxied, 32)
    assert await button(one) == 200
    one.cookies[KNOWN] = forge(one.cookies[KNOWN], another.cookies[KNOWN])
    assert await button(one) == 429


async def test_the_cookie_signs_nobody_in(proxied, lone):
    user = await known_browser(proxied, lone)
    assert user.cookies[KNOWN]
    assert (await user.get("/account")).status == 303


async def test_a_sign_in_that_is_too_large_to_store_does_not_count(proxied, lone, monkeypatch):
    lower(monkeypatch, "PROVIDER_SIGN_INS_IN_ALL", 2)
    client = await proxied.register(client_name="Desk")
    stranger = proxied.user_agent()
    page = await stranger.get(proxied.authorize_url(client, state="\x01" * 2048))
    assert [(await press(stranger, page, "acme")).status for _ in range(4)] == [400] * 4
    assert await button(proxied.user_agent()) == 200


async def test_an_authorization_request_uses_up_nothing_of_a_known_browsers_share(proxied, lone):
    """Any site can lead a browser to the authorization endpoint, which goes straight on to the provider."""
    user = await known_browser(proxied, lone)
    client = await proxied.register(client_name="Desk")
    for _ in range(policy.KNOWN_BROWSER_SIGN_INS.rate.burst + 1):
        assert (await user.get(proxied.authorize_url(client))).status == 303
    assert await button(user) == 200
