"""An identity is reviewed by what is stored of it: a provider that is not configured was removed, or is new."""

import pytest

from auth_service.federation.identity_review import IdentityRefused, IdentityReview
from shared.errors import ServiceUnavailable
from tests.support.identities import NOW, account_directory, identity, provider

pytestmark = pytest.mark.invariant(8, 13)


@pytest.fixture
async def user(store):
    """Signed in with the provider `corp` at NOW."""
    return await account_directory(store).resolve(provider("corp"), identity())


def replica(store, *ids, read_at, now=NOW):
    return IdentityReview(
        accounts=account_directory(store),
        providers={name: provider(name) for name in ids},
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
