"""Users who have no password: no password signs in to their accounts, and no empty text counts as a hash."""

import pytest
from argon2.profiles import CHEAPEST

from auth_service.users.passwords import PasswordHasher
from auth_service.users.repository import LinkResult, UnlinkResult, UserRepository
from auth_service.users.service import UserService
from auth_service.users.user import Profile, User

pytestmark = pytest.mark.store

GOOD = "violet kettle marches north"
ADA = User("subject", "ada", None, None, False, created_at=1, has_password=False)


class CountingHasher(PasswordHasher):
    """Remembers how often a password was verified, and against what."""

    def __init__(self):
        super().__init__(parameters=CHEAPEST, workers=1)
        self.verified: list[str | None] = []

    async def verify(self, password, stored_hash):
        self.verified.append(stored_hash)
        return await super().verify(password, stored_hash)


@pytest.fixture
def hasher():
    made = CountingHasher()
    yield made
    made.close()


@pytest.fixture
def repository(store):
    return UserRepository(store)


@pytest.fixture
def users(repository, hasher):
    return UserService(repository, hasher)


@pytest.mark.invariant(13)
@pytest.mark.parametrize("stored", [None, ""])
async def test_no_password_signs_in_after_the_same_work_as_for_a_wrong_name(users, repository, store, hasher, stored):
    await repository.add_with_identity(ADA, "identity", "{}")
    if stored is not None:
        await store.command("HSET", f"sp:{{users}}:user:{ADA.subject}", "password_hash", stored)
    for password in ("", GOOD, "None"):
        assert await users.authenticate("ada", password) is None
        assert await users.authenticate("nobody", password) is None
    assert hasher.verified == [None] * 6
    assert await users.find(ADA.subject) == ADA
    unlinked = await repository.unlink_identity(ADA.subject, "identity", password_counts=True, others=[])
    assert unlinked is UnlinkResult.LAST


async def test_an_operator_can_set_a_password(users, repository):
    await repository.add_with_identity(ADA, "identity", "{}")
    await users.set_password(ADA, GOOD)
    signed_in = await users.authenticate("ada", GOOD)
    assert signed_in is not None
    assert (signed_in.subject, signed_in.has_password) == (ADA.subject, True)
    unlinked = await repository.unlink_identity(ADA.subject, "identity", password_counts=True, others=[])
    assert unlinked is UnlinkResult.UNLINKED


async def test_the_renewal_of_a_hash_gives_no_password_to_a_user_without_one(repository):
    await repository.add_with_identity(ADA, "identity", "{}")
    assert not await repository.set_password_hash(ADA.subject, "renewed", replacing="outdated")
    stored = await repository.find(ADA.subject)
    assert stored is not None
    assert stored.password_hash is None


@pytest.mark.invariant(13)
async def test_a_statement_is_recorded_for_the_active_user_of_the_identity_only(users, repository, store):
    await repository.add_with_identity(ADA, "identity", "before")
    eve = await users.add("eve", GOOD)
    profile = Profile("Changed", "changed@example.org", email_verified=True)
    assert not await repository.record_identity(eve.subject, "identity", "after", profile)
    assert not await repository.record_identity(ADA.subject, "other identity", "after", profile)
    await users.suspend(ADA)
    assert not await repository.record_identity(ADA.subject, "identity", "after", profile)
    assert await repository.statement(ADA.subject, "identity") == "before"
    await users.remove(ADA)
    assert not await repository.record_identity(ADA.subject, "identity", "after", profile)
    assert await repository.link_identity(ADA.subject, "identity", "after") is LinkResult.NO_USER
    assert await store.command("EXISTS", f"sp:{{users}}:identity:{ADA.subject}") == 0
    assert [user async for user in users.all()] == [eve]
