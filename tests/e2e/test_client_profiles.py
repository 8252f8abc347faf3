"""Every client of the field connects at the first try: one row of client_profiles.py per test, no network.

Each row runs twice: the user signs in with a password; or, where passwords are off, through the only provider.
"""

from functools import partial

import pytest
import pytest_asyncio

import auth_service.wiring
from auth_service.users.passwords import PasswordHasher
from tests.e2e.client_profiles import PROFILES
from tests.e2e.local_pair import LocalPair
from tests.e2e.pair import READING_FIRST
from tests.e2e.profile_journey import Journey
from tests.support.auth_server import CHEAP
from tests.support.openid_provider import OpenIdProvider, through_provider
from tests.support.user_agent import user_agent

pytestmark = pytest.mark.asyncio(loop_scope="module")


class WithPasswords:
    """Users of a deployment without identity providers."""

    def __init__(self, pair):
        self.pair = pair

    async def new_user(self, name):
        """A user at a browser."""
        return await self.pair.add_user_agent(name)

    def assert_signed_in(self, user):
        """The pages were those of this way to sign in."""
        assert any('name="password"' in page for page in user.pages)


class ThroughProvider:
    """Users of a deployment with one provider and without passwords: the browser goes straight there."""

    def __init__(self, pair, provider):
        self.pair = pair
        self.provider = provider

    async def new_user(self, name):
        self.provider.claims = {"sub": name}
        return user_agent("", "", provider=self.provider.url)

    def assert_signed_in(self, user):
        to_provider, back, to_consent, consent = user.pages[:4]
        assert (to_provider, back, to_consent) == ("", "", "")
        assert "<bdi>Corp</bdi></strong> as <strong><bdi>user-" in consent


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def with_passwords():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auth_service.wiring, "PasswordHasher", partial(PasswordHasher, parameters=CHEAP))
        async with LocalPair(**READING_FIRST) as pair:
            yield WithPasswords(pair)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def through_a_provider():
    async with OpenIdProvider() as provider, LocalPair(**READING_FIRST, **through_provider(provider)) as pair:
        yield ThroughProvider(pair, provider)


@pytest.fixture(params=["with_passwords", "through_a_provider"])
def users(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("profile", PROFILES, ids=str)
async def test_the_client_connects_calls_refreshes_and_steps_up(users, profile):
    async with (
        await users.new_user(f"user-{PROFILES.index(profile)}") as user,
        Journey(profile, users.pair, user) as client,
    ):
        tokens = await client.connect()
        users.assert_signed_in(user)
        await client.call_refresh_and_step_up(tokens)


async def test_every_row_of_the_table_has_a_name_of_its_own():
    assert len({profile.name for profile in PROFILES}) == len(PROFILES)
