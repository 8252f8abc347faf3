"""An identity is reviewed by what is stored of it: a provider that is not configured was removed, or is new."""

import pytest
from pydantic import SecretStr

from auth_service.federation.access_rules import IdentityConditions
from auth_service.federation.configuration import OidcProvider
from auth_service.federation.identity_review import IdentityRefused, IdentityReview
from auth_service.federation.oidc.presets import CONSUMERS_TENANT, profile_of
from shared.errors import ServiceUnavailable
from tests.support.identities import NOW, account_directory, identity, provider

pytestmark = pytest.mark.invariant(8, 13)


@pytest.fixture
async def user(store):
    """Signed in with the provider `corp` at NOW."""
    return await account_directory(store).resolve(provider("corp"), identity())


def replica(store, *ids, read_at, now=NOW, **entries):
    return IdentityReview(
        accounts=account_directory(store),
        providers={name: provider(name) for name in ids} | entries,
        max_age=None,
        read_at=read_at,
        clock=lambda: now,
    )


async def error_of(review, user):
    with pytest.raises((IdentityRefused, ServiceUnavailable)) as caught:
        await review.identity(user.subject, identity().key)
    return type(caught.value), caught.value.error_id


@pytest.mark.parametrize("read_at", [NOW - 1, NOW, NOW + 0.9])
async def test_a_replica_that_is_older_than_the_sign_in_may_not_know_the_provider_yet(store, user, read_at):
    """The time of a sign-in is stored in whole seconds: within one of them it is not known which came first."""
    review = replica(store, "other", read_at=read_at)
    assert await error_of(review, user) == (ServiceUnavailable, "provider_configured")


async def test_a_replica_that_is_younger_than_the_sign_in_has_the_provider_removed(store, user):
    assert await error_of(replica(store, read_at=NOW + 1), user) == (IdentityRefused, "identity_refused")


async def test_a_replica_that_has_the_provider_decides_whatever_its_age(store, user):
    for read_at in (NOW - 1, NOW + 1):
        assert await replica(store, "corp", read_at=read_at).identity(user.subject, identity().key) == identity()


class TestAnotherIssuerUnderTheSameId:
    """What rules say of groups and addresses at the new issuer, they do not say of those at the former."""

    async def test_its_identities_are_refused_like_those_of_a_removed_provider(self, store, user):
        review = replica(store, corp=provider(issuer="https://new.example"), read_at=NOW + 1)
        assert await error_of(review, user) == (IdentityRefused, "identity_refused")

    @pytest.mark.parametrize("read_at", [NOW - 1, NOW])
    async def test_a_replica_that_is_older_than_the_sign_in_ends_nothing(self, store, user, read_at):
        review = replica(store, corp=provider(issuer="https://former.example"), read_at=read_at)
        assert await error_of(review, user) == (ServiceUnavailable, "provider_configured")


class TestDirectoriesOfEntra:
    """With several directories an identity names its own; the entry says which may sign in."""

    CONTOSO, FABRIKAM = "11111111-2222-3333-4444-555555555555", "22222222-3333-4444-5555-666666666666"

    def entry(self, tenant, *tenants):
        return OidcProvider(
            id="corp",
            kind="oidc",
            preset="entra",
            display_name="Corp",
            tenant=tenant,
            tenants=tenants,
            client_id="client",
            client_secret=SecretStr("secret"),
            allow=IdentityConditions(everyone=True),
        )

    async def reviewed(self, store, directory, entry):
        """The review of a user of this directory, who signed in while all directories were let in."""
        everyone = self.entry("common")
        known = identity(f"{directory}.user-1", issuer=profile_of(everyone).issuer)
        user = await account_directory(store).resolve(everyone, known)
        return await replica(store, corp=entry, read_at=NOW + 1).identity(user.subject, known.key)

    async def test_one_that_is_listed_no_longer_is_refused(self, store):
        assert await self.reviewed(store, self.CONTOSO, self.entry("common", self.CONTOSO))
        with pytest.raises(IdentityRefused):
            await self.reviewed(store, self.FABRIKAM, self.entry("common", self.CONTOSO))

    async def test_personal_accounts_are_refused_once_the_entry_is_for_organizations(self, store):
        assert await self.reviewed(store, CONSUMERS_TENANT, self.entry("common"))
        assert await self.reviewed(store, self.CONTOSO, self.entry("organizations"))
        with pytest.raises(IdentityRefused):
            await self.reviewed(store, CONSUMERS_TENANT, self.entry("organizations"))
