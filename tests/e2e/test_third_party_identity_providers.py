"""Sign-in through a third-party identity provider, oidc-provider: both services and it as real processes.

`make test-clients` runs them. The provider is pinned in third_party_servers/package.json.
The ids in the texts are those of docs/identity-provider-threats.md.
"""

import asyncio
import contextlib
import json
import shutil

import pytest

from auth_service.federation.oidc.discovery import REFETCH_SECONDS
from devstack.service_process import service_command
from tests.e2e.foreign_process import serving
from tests.e2e.provider_journey import UserAtProvider, subject_after_connecting
from tests.e2e.sdk_client import Memory, connected
from tests.support.free_ports import free_port
from tests.support.oauth import redirect_parameters
from tests.support.user_agent import user_agent

pytestmark = [
    pytest.mark.npm,
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed"),
]

SECRET = "a-client-secret-of-forty-characters-or-so"


class ForeignProvider:
    """One oidc-provider, at a port that it keeps when it is started again."""

    def __init__(self, identifier, directory):
        self.id = identifier
        self.port = free_port(("127.0.0.1",))
        self.issuer = f"http://localhost:{self.port}"
        self._directory = directory

    def entry(self, **changed):
        """Its entry in AUTH_IDENTITY_PROVIDERS."""
        return {
            "id": self.id,
            "kind": "oidc",
            "display_name": self.id.title(),
            "issuer": self.issuer,
            "client_id": "sallyport",
            "client_secret": SECRET,
            "userinfo": True,
            "allow": {"everyone": True},
        } | changed

    def running(self, issuer, *, secret=SECRET):
        """The provider with new keys, for the authorization server at `issuer`."""
        callback = f"{issuer}/sign-in/callback/{self.id}"
        return serving(self.port, "node", "identity_provider.mjs", self.port, callback, secret, cwd=self._directory)


@contextlib.asynccontextmanager
async def user_at(provider, login):
    """A user with a browser of its own."""
    async with user_agent("", "") as here, user_agent(login, "any") as there:
        yield UserAtProvider(here, there, provider)


async def subject_after(pair, provider, login):
    """The subject after a first connection of a new client through the provider, and the user."""
    async with user_at(provider, login) as user:
        return await subject_after_connecting(pair, user), user


@pytest.fixture
def acme(node_scripts):
    return ForeignProvider("acme", node_scripts)


@pytest.fixture
def other(node_scripts):
    return ForeignProvider("other", node_scripts)


def settings(*entries, **own):
    return {"AUTH_IDENTITY_PROVIDERS": json.dumps(entries), **own}


async def test_an_identity_is_one_account_and_the_same_address_elsewhere_is_another(make_pair, acme, other):
    """P9."""
    pair = await make_pair(own=settings(acme.entry(), other.entry()))
    async with acme.running(pair.issuer), other.running(pair.issuer):
        first, user = await subject_after(pair, acme, "ada")
        again, _ = await subject_after(pair, acme, "ada")
        elsewhere, _ = await subject_after(pair, other, "ada")
        of_another_user, _ = await subject_after(pair, acme, "bob")
    assert user.response["iss"] == acme.issuer
    assert "Signed in with Acme as ada@example.com" in user.decided
    assert first == again
    assert len({first, elsewhere, of_another_user}) == 3
    users = {u["subject"]: u for u in json.loads(await pair.command("users", "list", "--json"))}
    # oidc-provider states the address at its userinfo endpoint only.
    assert users[first]["email"] == users[elsewhere]["email"] == "ada@example.com"


async def test_a_provider_that_replaces_its_only_key_is_followed_within_two_seconds(make_pair, acme):
    pair = await make_pair(own=settings(acme.entry()))
    async with acme.running(pair.issuer):
        before, _ = await subject_after(pair, acme, "ada")
    await asyncio.sleep(REFETCH_SECONDS)  # a new kid causes one fetch in this time
    async with acme.running(pair.issuer):
        after, _ = await subject_after(pair, acme, "ada")
    assert before == after


async def test_the_sign_in_page_redirects_to_a_single_provider_without_passwords(make_pair, acme):
    pair = await make_pair(own=settings(acme.entry(), AUTH_PASSWORDS="off"))
    async with acme.running(pair.issuer):
        _, user = await subject_after(pair, acme, "ada")
    assert user.went_straight_on


async def test_the_button_says_that_the_provider_does_not_respond_and_passwords_are_accepted(make_pair, acme):
    pair = await make_pair(own=settings(acme.entry()))
    async with user_at(acme, "ada") as user:
        page = await user.to_provider(f"{pair.issuer}/sign-in")
    assert page.status == 200, page.words
    assert "isn't responding" in page.words
    memory = Memory()
    async with (
        user_agent(pair.username, pair.password) as alice,
        connected(pair.resource, alice, memory=memory) as client,
    ):
        assert not (await client.call_tool("whoami", {})).is_error


async def test_a_response_that_names_another_issuer_signs_no_user_in(make_pair, acme):
    """P1."""
    pair = await make_pair(own=settings(acme.entry()))
    async with acme.running(pair.issuer), user_at(acme, "ada") as user:
        answer = await user.to_provider(f"{pair.issuer}/sign-in")
        await user.there.authorize(str(answer.onward))
        callback = user.there.callback or ""
        assert redirect_parameters(callback)["iss"] == acme.issuer
        forged = answer.url.with_path("/sign-in/callback/acme").with_query(
            redirect_parameters(callback) | {"iss": "http://localhost:1"}
        )
        page = await user.here.get(forged)
    assert "__Host-sallyport-session" not in user.here.cookies
    assert "sallyport-session" not in user.here.cookies
    assert (page.status, "We couldn't complete the sign-in" in page.words) == (403, True)


async def test_a_wrong_client_secret_signs_no_user_in_and_is_named_in_the_log(make_pair, acme):
    pair = await make_pair(own=settings(acme.entry()))
    async with acme.running(pair.issuer, secret="another secret"), user_at(acme, "ada") as user:
        page = await user.back(f"{pair.issuer}/sign-in")
    assert page.forms, page.words
    assert "invalid_client" in json.dumps(pair.log(pair.auth[0]))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"issuer": "http://localhost:{port}/"}, "issuer"),
        ({"issuer": "http://localhost:1"}, "cannot be fetched"),
        ({"id_token_algorithms": ["EdDSA"]}, "EdDSA"),
    ],
)
async def test_check_config_names_what_is_wrong_with_an_entry(make_pair, acme, changed, named):
    """P17: the secret is not printed."""
    pair = await make_pair(own=settings(acme.entry()))
    entry = acme.entry(**json.loads(json.dumps(changed).replace("{port}", str(acme.port))))
    async with acme.running(pair.issuer):
        right = await service_command("auth_service", pair.auth_environment, "check-config")
        wrong = await service_command("auth_service", pair.auth_environment | settings(entry), "check-config")
    assert right.succeeded, right.combined_output
    assert not wrong.succeeded
    assert "acme: " in wrong.combined_output
    assert named in wrong.combined_output
    assert SECRET not in wrong.combined_output


async def test_check_config_warns_of_a_scope_that_the_provider_does_not_list(make_pair, acme):
    pair = await make_pair(own=settings(acme.entry(scopes=["openid", "groups"])))
    async with acme.running(pair.issuer):
        checked = await service_command("auth_service", pair.auth_environment, "check-config")
    assert checked.succeeded, checked.combined_output
    assert "acme: The provider does not list the scopes groups" in checked.combined_output
