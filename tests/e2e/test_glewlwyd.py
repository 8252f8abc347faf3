"""Sign-in through Glewlwyd, an identity provider of another project: both services and it as real processes.

It is a Debian package; `make test-tools` installs it. The ids in the texts are those of
docs/identity-provider-threats.md.
"""

import asyncio
import contextlib
import json
from typing import Any

import pytest

from auth_service.federation.oidc.discovery import REFETCH_SECONDS
from devstack.service_process import service_command
from tests.e2e.pair import Pair
from tests.e2e.provider_journey import UserAtProvider, subject_after_connecting
from tests.support.glewlwyd import Glewlwyd, glewlwyd_browser, has_glewlwyd
from tests.support.user_agent import user_agent

pytestmark = [
    pytest.mark.long,
    pytest.mark.glewlwyd,
    pytest.mark.skipif(not has_glewlwyd(), reason="Glewlwyd is not installed"),
]

ENTRIES: dict[str, dict[str, Any]] = {
    "everyone": {},
    "mistaken": {"client_secret": "another-client-secret"},
    "staff": {"groups_claim": "groups", "allow": {"groups": ["staff"]}},
    "addressed": {"allow": {"emails": ["ada@example.com"]}},
}
"""Each with a callback address of its own at the one client."""


class Entry:
    """One entry of the configuration, as a user chooses it."""

    def __init__(self, glewlwyd, identifier):
        self.id = identifier
        self.issuer = glewlwyd.issuer


class Servers:
    """Glewlwyd, and a pair with all entries."""

    def __init__(self, directory):
        self.glewlwyd = Glewlwyd(directory)
        entries = [self.entry(name, **changes) for name, changes in ENTRIES.items()]
        self.pair = Pair(own={"AUTH_IDENTITY_PROVIDERS": json.dumps(entries)})
        self.glewlwyd.redirect_uris = [f"{self.pair.issuer}/sign-in/callback/{name}" for name in ENTRIES]

    def entry(self, name, **changes):
        return {
            "id": name,
            "kind": "oidc",
            "display_name": name.title(),
            "issuer": self.glewlwyd.issuer,
            "client_id": self.glewlwyd.client_id,
            "client_secret": self.glewlwyd.client_secret,
            "allow": {"everyone": True},
        } | changes

    async def start(self):
        await self.glewlwyd.start()
        for name in ("ada", "bob", "eve"):
            await self.glewlwyd.add_user(name, groups=["staff", "chess"] if name == "ada" else [])
        await self.pair.start()

    async def close(self):
        await self.pair.close()
        await self.glewlwyd.stop()

    @contextlib.asynccontextmanager
    async def user(self, name, entry="everyone", *, there=None):
        """A user with a new browser, or with the one `there` that has been at Glewlwyd before."""
        async with user_agent("", "") as here, glewlwyd_browser(self.glewlwyd, name) as new:
            yield UserAtProvider(here, there or new, Entry(self.glewlwyd, entry))

    async def refusal(self, name, entry="everyone"):
        """The error_id with which the sign-in ends; no user is signed in."""
        async with self.user(name, entry) as user:
            answer = await user.back(f"{self.pair.issuer}/sign-in")
            assert not [cookie for cookie in user.here.cookies if cookie.endswith("sallyport-session")]
        request_id = answer.headers["X-Request-Id"]
        lines = [line for line in self.pair.log(self.pair.auth[0]) if line.get("request_id") == request_id]
        return [line["error_id"] for line in lines if "error_id" in line], answer


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    servers = Servers(tmp_path_factory.mktemp("glewlwyd"))
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        try:
            runner.run(servers.start())
            yield servers
        finally:
            runner.run(servers.close())


async def test_a_first_sign_in_makes_an_account_and_the_next_finds_it(servers):
    async with servers.user("ada") as ada:
        first = await subject_after_connecting(servers.pair, ada)
        assert ada.response["iss"] == servers.glewlwyd.issuer
    async with servers.user("ada") as ada, servers.user("bob") as bob:
        assert await subject_after_connecting(servers.pair, ada) == first
        assert await subject_after_connecting(servers.pair, bob) != first
    users = {user["subject"]: user for user in json.loads(await servers.pair.command("users", "list", "--json"))}
    assert users[first]["email"] == "ada@example.com"


async def test_a_session_that_glewlwyd_remembers_does_not_skip_the_decision_here(servers):
    """P4."""
    async with servers.user("ada") as ada:
        await subject_after_connecting(servers.pair, ada)
        async with servers.user("ada", there=ada.there) as elsewhere:
            await subject_after_connecting(servers.pair, elsewhere)
        assert ada.there.passwords_typed == 1
    assert "This will let A test client use Notes" in elsewhere.decided
    assert "Signed in with Everyone as" in elsewhere.decided


async def test_the_address_of_a_user_at_another_entry_is_another_account(servers):
    """P9: the id of the entry belongs to the identity."""
    async with servers.user("ada") as ada, servers.user("ada", "staff") as member:
        assert await subject_after_connecting(servers.pair, ada) != await subject_after_connecting(servers.pair, member)


async def test_an_address_that_the_provider_does_not_call_verified_admits_no_user(servers):
    """P9: Glewlwyd says nothing about it."""
    assert (await servers.refusal("ada", "addressed"))[0] == ["identity_refused"]


async def test_the_current_groups_decide_at_each_sign_in(servers):
    """P11, P12."""
    assert (await servers.refusal("bob", "staff"))[0] == ["identity_refused"]
    await servers.glewlwyd.change_groups("bob", ["staff"])
    async with servers.user("bob", "staff") as bob:
        assert await subject_after_connecting(servers.pair, bob)
    await servers.glewlwyd.change_groups("bob", ["chess"])
    assert (await servers.refusal("bob", "staff"))[0] == ["identity_refused"]


async def test_a_wrong_client_secret_signs_no_user_in_and_is_named_in_the_log_only(servers):
    """P17."""
    error_ids, page = await servers.refusal("ada", "mistaken")
    assert error_ids == ["provider_rejects_client"]
    assert "isn't set up correctly" in page.words
    assert "unauthorized_client" not in page.text
    assert "another-client-secret" not in json.dumps(servers.pair.log(servers.pair.auth[0]))


async def test_a_suspended_user_is_refused_until_resumed(servers):
    async with servers.user("eve") as eve:
        subject = await subject_after_connecting(servers.pair, eve)
    await servers.pair.command("users", "suspend", subject, "--yes")
    assert (await servers.refusal("eve"))[0] == ["user_active"]
    await servers.pair.command("users", "resume", subject)
    async with servers.user("eve") as eve:
        assert await subject_after_connecting(servers.pair, eve) == subject


async def test_a_key_that_replaces_the_only_one_is_found_at_the_next_sign_in(servers):
    async with servers.user("ada") as ada:
        before = await subject_after_connecting(servers.pair, ada)
    await asyncio.sleep(REFETCH_SECONDS)
    await servers.glewlwyd.replace_key()
    async with servers.user("ada") as ada:
        assert await subject_after_connecting(servers.pair, ada) == before


async def test_check_config_finds_an_entry_right_that_asks_for_what_glewlwyd_lists(servers):
    """It lists `openid` only, and ignores the others that are asked for."""
    checked = await service_command("auth_service", servers.pair.auth_environment, "check-config")
    assert "everyone: The provider does not list the scopes profile, email" in checked.combined_output
    entry = {"AUTH_IDENTITY_PROVIDERS": json.dumps([servers.entry("everyone", scopes=["openid"])])}
    checked = await service_command("auth_service", servers.pair.auth_environment | entry, "check-config")
    assert checked.succeeded, checked.combined_output
