"""The directory of users on a real store."""

import asyncio
from dataclasses import replace

import pytest
from argon2.profiles import CHEAPEST

from auth_service.users.password_rules import WeakPassword
from auth_service.users.passwords import PasswordHasher
from auth_service.users.repository import UserRepository
from auth_service.users.service import UnknownUser, UsernameTaken, UserService

pytestmark = pytest.mark.store

GOOD = "violet kettle marches north"


@pytest.fixture
def directory(store):
    hasher = PasswordHasher(parameters=CHEAPEST, workers=1)
    yield UserService(UserRepository(store), hasher)
    hasher.close()


async def test_a_user_signs_in_with_any_spelling_of_the_name(directory):
    added = await directory.add("Margaret", GOOD)
    for spelling in ("Margaret", "margaret", "MARGARET", " margaret ", "ＭＡＲＧＡＲＥＴ"):
        assert await directory.authenticate(spelling, GOOD) == added


async def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(directory):
    await directory.add("margaret", GOOD)
    assert await directory.authenticate("margaret", "wrong") is None
    assert await directory.authenticate("nobody", GOOD) is None
    assert await directory.authenticate("", "") is None


async def test_a_suspended_user_gets_the_answer_to_a_wrong_password_until_the_suspension_is_lifted(directory):
    margaret = await directory.add("margaret", GOOD)
    await directory.suspend(margaret)
    assert await directory.authenticate("margaret", GOOD) is None
    assert (await directory.find(margaret.subject)).suspended_at is not None
    assert await directory.lift_suspension(margaret) is True
    assert await directory.lift_suspension(margaret) is False
    assert await directory.authenticate("margaret", GOOD) == margaret


async def test_a_removed_user_is_not_suspended(directory):
    margaret = await directory.add("margaret", GOOD)
    await directory.remove(margaret)
    with pytest.raises(UnknownUser):
        await directory.suspend(margaret)
    assert await directory.find(margaret.subject) is None


async def test_the_subject_is_not_the_name_and_is_not_reused(directory):
    first = await directory.add("margaret", GOOD)
    await directory.remove(first)
    second = await directory.add("margaret", GOOD)
    assert "margaret" not in first.subject
    assert first.subject != second.subject
    assert await directory.find(first.subject) is None


async def test_exactly_one_of_many_concurrent_adds_of_one_name_wins(directory):
    spellings = ["margaret", "Margaret", "MARGARET", "ｍargaret"] * 4
    results = await asyncio.gather(*(directory.add(s, GOOD) for s in spellings), return_exceptions=True)
    winners = [r for r in results if not isinstance(r, UsernameTaken)]
    assert len(winners) == 1
    assert [u async for u in directory.all()] == winners
    assert await directory.authenticate("margaret", GOOD) == winners[0]


async def test_a_weak_password_is_refused_unless_it_is_allowed(directory):
    with pytest.raises(WeakPassword):
        await directory.add("margaret", "password")
    margaret = await directory.add("margaret", "password", allow_weak=True)
    with pytest.raises(WeakPassword):
        await directory.set_password(margaret, "margaret99")
    assert await directory.authenticate("margaret", "password") == margaret


async def test_a_new_password_replaces_the_old(directory):
    margaret = await directory.add("margaret", GOOD)
    await directory.set_password(margaret, "eleven quiet foxes")
    assert await directory.authenticate("margaret", GOOD) is None
    assert await directory.authenticate("margaret", "eleven quiet foxes") == margaret


async def test_a_removed_user_cannot_sign_in_nor_be_revived_by_a_new_password(directory):
    margaret = await directory.add("margaret", GOOD)
    await directory.remove(margaret)
    assert await directory.authenticate("margaret", GOOD) is None
    with pytest.raises(UnknownUser):
        await directory.set_password(margaret, "eleven quiet foxes")
    with pytest.raises(UnknownUser):
        await directory.remove(margaret)
    assert await directory.find(margaret.subject) is None


async def test_removing_a_stale_record_leaves_the_new_owner_of_the_name_alone(directory):
    old = await directory.add("margaret", GOOD)
    await directory.remove(old)
    new = await directory.add("margaret", GOOD)
    with pytest.raises(UnknownUser):
        await directory.remove(old)
    assert await directory.find_by_name("margaret") == new


async def test_signing_in_renews_a_hash_of_older_parameters(store):
    storage = UserRepository(store)
    old, new = (PasswordHasher(parameters=p, workers=1) for p in (CHEAPEST, replace(CHEAPEST, memory_cost=16)))
    margaret = await UserService(storage, old).add("margaret", GOOD)
    before = (await storage.find(margaret.subject)).password_hash
    assert await UserService(storage, new).authenticate("margaret", GOOD) == margaret
    after = (await storage.find(margaret.subject)).password_hash
    assert after is not None
    assert old.is_outdated(after)
    assert before != after
    assert await UserService(storage, new).authenticate("margaret", GOOD) == margaret
    old.close()
    new.close()


async def test_a_renewal_never_overwrites_a_password_that_was_set_meanwhile(store, directory):
    margaret = await directory.add("margaret", GOOD)
    storage = UserRepository(store)
    seen = (await storage.find(margaret.subject)).password_hash
    await directory.set_password(margaret, "eleven quiet foxes")
    assert not await storage.set_password_hash(margaret.subject, "renewed", replacing=seen)
    assert await directory.authenticate("margaret", "eleven quiet foxes") == margaret


async def test_all_users_are_listed_once(directory):
    added = [await directory.add(f"user{i}", GOOD) for i in range(450)]
    listed = [u async for u in directory.all()]
    assert sorted(u.subject for u in listed) == sorted(u.subject for u in added)


@pytest.mark.invariant(4)
async def test_a_copy_of_the_store_holds_no_password(directory, store):
    await directory.add("margaret", GOOD)
    keys = {key async for page in store.scan("*") for key in page}
    content = str([await store.command("HGETALL", key) for key in keys])
    assert GOOD not in content
    assert "$argon2id$" in content


@pytest.mark.parametrize("name", ["", "   ", "a b", "a\u200bb", "x" * 65, "tab\tbed"])
async def test_an_unusable_name_is_refused_with_an_explanation(directory, name):
    with pytest.raises(ValueError, match="username"):
        await directory.add(name, GOOD)
