"""One browser with several pages open: they are completed in any order."""

import itertools

import pytest

from tests.support.auth_server import PASSWORD, USERNAME

SESSION = "__Host-sallyport-session"


async def add_bob(auth):
    await auth.users.add("bob", PASSWORD)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_three_requests_opened_before_the_sign_in_are_decided_in_any_order(auth, client, order):
    user = auth.user_agent()
    opened = [await user.arrive(auth.authorize_url(client, state=f"s{n}")) for n in range(3)]
    consents = {}
    for n in order:
        consents[n] = await user.follow(await user.sign_in(opened[n]))
    for n in reversed(order):
        decided = await user.decide(consents[n])
        assert (decided["state"], "code" in decided) == (f"s{n}", True)


async def test_a_page_opened_before_a_sign_in_elsewhere_goes_on_without_the_password(auth, client):
    user = auth.user_agent()
    waiting, other = [await user.arrive(auth.authorize_url(client)) for _ in range(2)]
    await user.follow(await user.sign_in(other))
    form = waiting.forms[0].inputs | {"username": f" {USERNAME.upper()}", "password": ""}
    answer = await user.post("/sign-in", form)
    assert answer.status == 303
    assert "code" in await user.decide(await user.follow(answer))


async def test_another_user_signs_in_although_one_is_signed_in(auth, client):
    await add_bob(auth)
    user = auth.user_agent()
    waiting, other = [await user.arrive(auth.authorize_url(client)) for _ in range(2)]
    consent = await user.follow(await user.sign_in(other))
    form = waiting.forms[0].inputs | {"username": "bob", "password": "wrong"}
    assert (await user.post("/sign-in", form)).status == 403
    page = await user.follow(await user.post("/sign-in", form | {"password": PASSWORD}))
    assert "bob" in page.text
    refused = await user.submit(consent, decision="approve")
    assert refused.status == 400, "the page of the first user decides nothing for the second"


@pytest.mark.invariant(7)
async def test_a_request_that_demands_a_new_sign_in_gets_one_whatever_is_open(auth, client):
    user = auth.user_agent()
    forced = await user.arrive(auth.authorize_url(client, prompt="login"))
    await user.follow(await user.sign_in(await user.arrive(auth.authorize_url(client))))
    auth.clock.ahead += 5
    again = await user.arrive(auth.authorize_url(client, prompt="login"))
    for page in (again, forced):
        form = page.forms[0].inputs | {"username": USERNAME, "password": ""}
        assert (await user.post("/sign-in", form)).status == (200 if page is again else 303)
    assert "code" in await user.decide(await user.follow(await user.sign_in(again)))


async def test_a_second_sign_in_of_the_same_user_keeps_the_pages_that_are_open(auth, client):
    user = auth.user_agent()
    consent = await user.consent_page(auth.authorize_url(client))
    before = user.cookies[SESSION]
    again = await user.arrive(auth.authorize_url(client, prompt="login"))
    await user.follow(await user.sign_in(again))
    assert user.cookies[SESSION] == before
    assert "code" in await user.decide(consent)
