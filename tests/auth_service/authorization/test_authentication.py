"""OpenID Connect Core section 3.1.2: which sign-in a request accepts, and what the client is told without one."""

import json
import time

import pytest

from auth_service.encryption import parse_encryption_keys
from auth_service.keys.lifecycle import promote
from auth_service.keys.repository import KeyRingRepository
from auth_service.keys.signer import new_key
from tests.support import local_issuer
from tests.support.auth_server import ISSUER, PASSWORD, settings
from tests.support.local_issuer import sign_bytes
from tests.support.oauth import redirect_parameters, unverified_claims

DAY = 86_400


async def add_bob(auth):
    await auth.users.add("bob", PASSWORD)


async def signed_in(auth, client, username="ada"):
    """A user agent that is signed in, and the ID token of its user."""
    user = auth.user_agent()
    user.username = username
    return user, (await auth.tokens(client, user, scope="openid"))["id_token"]


async def begin(auth, client, user=None, **changes):
    return await (user or auth.user_agent()).get(auth.authorize_url(client, scope="openid", **changes))


async def error(auth, client, user=None, **changes):
    """The error of which the client is told."""
    got = redirect_parameters((await begin(auth, client, user, **changes)).headers["Location"])
    assert (got["state"], got["iss"]) == ("the-state", ISSUER)
    return got["error"]


def asks_for_the_password(page):
    return page.status == 200 and "password" in page.forms[0].inputs


def asks_for_the_decision(page):
    return page.status == 200 and ("decision", "approve") in page.forms[0].buttons


class TestWithoutInteraction:
    """`prompt=none` never succeeds (divergences.md D26); the error says which page the user would see."""

    async def test_login_is_required_where_nobody_is_signed_in(self, auth, client):
        assert await error(auth, client, prompt="none") == "login_required"

    async def test_consent_is_required_of_a_signed_in_user(self, auth, client):
        user, id_token = await signed_in(auth, client)
        assert await error(auth, client, user, prompt="none") == "consent_required"
        assert await error(auth, client, user, prompt="none", id_token_hint=id_token) == "consent_required"

    async def test_login_is_required_where_another_user_is_signed_in_than_the_hint_names(self, auth, client):
        await add_bob(auth)
        _, of_ada = await signed_in(auth, client)
        bob, _ = await signed_in(auth, client, "bob")
        assert await error(auth, client, bob, prompt="none", id_token_hint=of_ada) == "login_required"

    @pytest.mark.parametrize(
        ("max_age", "told"), [("0", "login_required"), ("60", "login_required"), ("62", "consent_required")]
    )
    async def test_login_is_required_once_the_sign_in_is_too_old(self, auth, client, max_age, told):
        user, _ = await signed_in(auth, client)
        auth.clock.ahead += 61
        assert await error(auth, client, user, prompt="none", max_age=max_age) == told

    @pytest.mark.parametrize("prompt", ["none login", "consent none", "none select_account", "none nonsense"])
    async def test_none_together_with_another_value_is_refused(self, auth, client, prompt):
        user, _ = await signed_in(auth, client)
        assert await error(auth, client, user, prompt=prompt) == "invalid_request"


class TestAgeOfTheSignIn:
    async def test_a_sign_in_within_max_age_leads_to_the_decision(self, auth, client):
        user, _ = await signed_in(auth, client)
        auth.clock.ahead += 50
        page = await begin(auth, client, user, max_age="60")
        assert asks_for_the_decision(page)
        auth.clock.ahead += 50
        assert "code" in await user.decide(page), "the age counts until the request, not until the decision"

    async def test_an_older_sign_in_is_repeated_and_the_id_token_says_when(self, auth, client):
        user, before = await signed_in(auth, client)
        auth.clock.ahead += 61
        assert asks_for_the_password(await begin(auth, client, user, max_age="60"))
        after = (await auth.tokens(client, user, scope="openid", max_age="60"))["id_token"]
        assert unverified_claims(after)["auth_time"] >= unverified_claims(before)["auth_time"] + 61

    @pytest.mark.parametrize("again", [{"max_age": "0"}, {"prompt": "login"}, {"prompt": "login", "max_age": "9999"}])
    async def test_a_new_sign_in_is_demanded_also_in_the_second_of_the_last_one(self, auth, client, again):
        user, _ = await signed_in(auth, client)
        page = await begin(auth, client, user, **again)
        assert asks_for_the_password(page)
        refused = await user.post("/sign-in", page.forms[0].inputs | {"username": "ada", "password": ""})
        assert refused.status == 200
        assert asks_for_the_decision(await user.follow(await user.sign_in(page)))

    async def test_a_new_sign_in_is_demanded_also_after_one_by_a_clock_that_is_ahead(self, auth, client):
        auth.clock.ahead += 5
        user, _ = await signed_in(auth, client)
        auth.clock.ahead -= 5
        assert asks_for_the_password(await begin(auth, client, user, prompt="login"))

    @pytest.mark.parametrize("demand", [{"max_age": "30"}, {"prompt": "login"}])
    async def test_a_new_sign_in_is_accepted_although_a_replica_that_is_ahead_demanded_it(
        self, auth, client, start_auth, demand
    ):
        user, _ = await signed_in(auth, client)
        other = await start_auth()
        other.clock.ahead = 60
        page = await begin(other, client, other.user_agent(user.cookies), **demand)
        assert asks_for_the_password(page)
        form = page.forms[0].inputs | {"username": user.username, "password": user.password}
        decision = await user.follow(await user.post("/sign-in", form))
        assert asks_for_the_decision(decision)
        assert "code" in await user.decide(decision)

    async def test_an_earlier_sign_in_at_a_replica_that_is_ahead_does_not_meet_a_demand(self, auth, client, start_auth):
        there = (await start_auth(ahead=60)).user_agent()
        await there.sign_in(await there.get("/sign-in"))
        user = auth.user_agent(there.cookies)
        form = (await begin(auth, client, user, prompt="login")).forms[0].inputs
        answer = await user.post("/sign-in", form | {"username": user.username, "password": ""})
        assert (answer.status, answer.forms[0].action) == (200, "/sign-in")
        answer = await user.post("/consent", form | {"decision": "approve"})
        assert (answer.refresh, answer.forms[0].action) == (None, "/sign-in")

    @pytest.mark.parametrize("demand", [{"max_age": "0"}, {"max_age": "60"}, {"prompt": "login"}])
    async def test_the_demand_cannot_be_passed_by_on_the_way_to_the_decision(self, auth, client, demand):
        user, _ = await signed_in(auth, client)
        auth.clock.ahead += 61
        form = (await begin(auth, client, user, **demand)).forms[0].inputs
        answer = await user.post("/consent", form | {"decision": "approve"})
        assert (answer.refresh, answer.forms[0].action) == (None, "/sign-in")

    @pytest.mark.parametrize("max_age", ["-1", "1.5", "x", "1e3", " 1", "\u0661", "1" * 20])
    async def test_a_max_age_that_is_no_number_is_refused(self, auth, client, max_age):
        assert await error(auth, client, max_age=max_age) == "invalid_request"


class TestHint:
    async def test_the_user_that_it_names_goes_on_to_the_decision(self, auth, client):
        user, id_token = await signed_in(auth, client)
        page = await begin(auth, client, user, id_token_hint=id_token)
        assert asks_for_the_decision(page)
        assert "code" in await user.decide(page)

    async def test_it_may_be_expired_signed_by_a_retired_key_and_issued_to_another_client(self, auth, client):
        user, id_token = await signed_in(auth, client)
        key = settings().key_encryption_key[0].get_secret_value()
        successor = new_key("ES256", parse_encryption_keys([key]))
        repository = KeyRingRepository(auth.store)
        await repository.change(
            lambda ring: promote(ring, successor, now_ms=int(time.time() * 1000), token_lifetime_ms=DAY * 1000)
        )
        auth.clock.ahead += 3600
        other = await auth.register()
        assert await error(auth, other, user, prompt="none", id_token_hint=id_token) == "consent_required"
        assert await error(auth, other, prompt="none", id_token_hint=id_token) == "login_required"

    async def test_another_user_is_asked_to_sign_in_and_never_decides(self, auth, client):
        await add_bob(auth)
        _, of_ada = await signed_in(auth, client)
        bob, _ = await signed_in(auth, client, "bob")
        page = await begin(auth, client, bob, id_token_hint=of_ada)
        assert asks_for_the_password(page)
        refused = await bob.follow(await bob.sign_in(page))
        assert (refused.status, refused.refresh, "Location" in refused.headers) == (403, None, False)
        assert "error=login_required" in refused.text
        assert asks_for_the_password(await bob.submit(refused))
        transaction = page.forms[0].inputs["transaction"]
        for csrf in (page.forms[0].inputs["csrf"], (await begin(auth, client, bob)).forms[0].inputs["csrf"]):
            form = {"transaction": transaction, "csrf": csrf, "decision": "approve"}
            answer = await bob.post("/consent", form)
            assert (answer.status, answer.refresh) == (403, None)
        assert asks_for_the_decision(await bob.follow(await bob.sign_in(page, "ada")))

    @pytest.mark.parametrize("forged", ["x.y.z", "x", "\u00e4.b.c", "x" * 9000])
    async def test_a_malformed_token_is_refused(self, auth, client, forged):
        assert await error(auth, client, id_token_hint=forged) == "invalid_request"

    async def test_an_access_token_is_no_hint(self, auth, client):
        tokens = await auth.tokens(client, scope="openid")
        assert await error(auth, client, id_token_hint=tokens["access_token"]) == "invalid_request"

    async def test_a_changed_token_is_refused(self, auth, client):
        await add_bob(auth)
        _, of_ada = await signed_in(auth, client)
        bob, of_bob = await signed_in(auth, client, "bob")
        head, _, signature = of_ada.split(".")
        forged = f"{head}.{of_bob.split('.')[1]}.{signature}"
        assert await error(auth, client, bob, id_token_hint=forged) == "invalid_request"

    async def test_a_token_of_another_issuer_is_refused_and_one_of_a_key_that_is_gone_is_no_hint(self, auth, client):
        """After its key was removed a token cannot be verified any more; its client must still be able to connect."""
        user, id_token = await signed_in(auth, client)
        foreign = local_issuer.new_key("gone", "ES256")
        header = {"alg": "ES256", "kid": "gone", "typ": "JWT"}

        def signed(**changes):
            claims = unverified_claims(id_token) | {"sub": "another"} | changes
            return sign_bytes(json.dumps(header).encode(), json.dumps(claims).encode(), foreign)

        elsewhere = signed(iss="https://elsewhere.example")
        assert await error(auth, client, user, id_token_hint=elsewhere) == "invalid_request"
        assert asks_for_the_decision(await begin(auth, client, user, id_token_hint=signed()))


class TestUnsupported:
    @pytest.mark.parametrize(
        ("parameter", "told"),
        [
            ({"request": "e30."}, "request_not_supported"),
            ({"request_uri": "https://client.example/r"}, "request_uri_not_supported"),
            ({"registration": "{}"}, "registration_not_supported"),
        ],
    )
    async def test_each_has_the_error_that_openid_connect_gives_it(self, auth, client, parameter, told):
        assert await error(auth, client, **parameter) == told

    async def test_parameters_that_a_server_may_ignore_are_ignored(self, auth, client):
        ignored = {
            "acr_values": "1 2",
            "ui_locales": "se",
            "claims_locales": "se",
            "display": "popup",
            "claims": '{"userinfo":{"name":{"essential":true}}}',
            "prompt": "consent select_account",
            "extra": "foobar",
        }
        assert asks_for_the_password(await begin(auth, client, **ignored))
