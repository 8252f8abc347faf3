"""Accounts of identities through several replicas: an identity has one account, whatever happens at once."""

import asyncio

import pytest
from argon2.profiles import CHEAPEST

from auth_service.federation.accounts import LastWayToSignIn
from auth_service.federation.provider import SignInRefused
from auth_service.users.passwords import PasswordHasher
from auth_service.users.repository import UserRepository
from auth_service.users.service import UnknownUser, UserService
from auth_service.users.user import MAX_IDENTITIES, User
from tests.support.identities import account_directory, identity, provider

pytestmark = [pytest.mark.store, pytest.mark.invariant(13)]

CORP, OTHER = provider("corp"), provider("other")
FIRST, SECOND = identity("first"), identity("second", provider="other")


@pytest.fixture
def replicas(stores):
    return [account_directory(store) for store in stores]


@pytest.fixture
def users(store):
    hasher = PasswordHasher(parameters=CHEAPEST, workers=1)
    yield UserService(UserRepository(store), hasher)
    hasher.close()


async def at_once(*work):
    return await asyncio.gather(*work, return_exceptions=True)


async def user_without_password(store, number, key="unused"):
    user = User(f"subject {number}", f"user{number}", None, None, False, created_at=1, has_password=False)
    assert await UserRepository(store).add_with_identity(user, f"{key} {number}", "{}") == user.subject
    return user.subject


async def assert_consistent(store):
    """Every identity of the index is an identity of its user, and the reverse."""
    index = await store.command("HGETALL", "sp:{users}:identities")
    subjects = [user.subject async for user in UserRepository(store).all()]
    held = await UserRepository(store).statements(subjects)
    of_users = {key: subject for subject, found in zip(subjects, held, strict=True) for key in found}
    assert of_users == index
    return index


async def test_one_first_sign_in_that_several_browsers_finish_at_once_makes_one_account(replicas, store, users):
    found = await asyncio.gather(*(replica.resolve(CORP, FIRST) for replica in replicas * 8))
    assert len({user.subject for user in found}) == 1
    assert [user.subject async for user in users.all()] == [found[0].subject]
    assert await assert_consistent(store) == {FIRST.key: found[0].subject}


async def test_different_identities_of_one_name_get_different_accounts_and_names(replicas, store, users):
    same_name = [identity(str(number), login="ada") for number in range(40)]
    found = await asyncio.gather(*(replicas[n % len(replicas)].resolve(CORP, each) for n, each in enumerate(same_name)))
    assert len({user.subject for user in found}) == 40
    assert len({user.username async for user in users.all()}) == 40
    assert len(await assert_consistent(store)) == 40


async def test_one_of_the_users_that_link_one_identity_at_once_gets_it(replicas, store):
    subjects = [await user_without_password(store, number) for number in range(16)]
    outcomes = await at_once(
        *(replicas[n % len(replicas)].link(subject, CORP, FIRST) for n, subject in enumerate(subjects))
    )
    assert outcomes.count(None) == 1
    refusals = [outcome.error_id for outcome in outcomes if isinstance(outcome, SignInRefused)]
    assert refusals == ["identity_taken"] * 15
    index = await assert_consistent(store)
    assert index[FIRST.key] == subjects[outcomes.index(None)]


async def test_an_identity_that_is_linked_while_it_first_signs_in_has_one_account(replicas, store):
    for number in range(20):
        new, subject = identity(f"race {number}"), await user_without_password(store, number)
        signed_in, linked = await at_once(replicas[0].resolve(CORP, new), replicas[1].link(subject, CORP, new))
        assert (linked is None) == (signed_in.subject == subject)
        assert (await assert_consistent(store))[new.key] == signed_in.subject


async def test_one_of_two_last_identities_that_are_unlinked_at_once_stays(replicas, store):
    for number in range(20):
        mine, yours = identity(f"mine {number}"), identity(f"yours {number}", provider="other")
        user = await replicas[0].resolve(CORP, mine)
        await replicas[0].link(user.subject, OTHER, yours)
        outcomes = await at_once(
            replicas[1].unlink(user.subject, mine.key), replicas[2].unlink(user.subject, yours.key)
        )
        assert sorted(str(type(outcome).__name__) for outcome in outcomes) == [LastWayToSignIn.__name__, "bool"]
        assert len(await replicas[0].identities_of(user.subject)) == 1
    await assert_consistent(store)


async def test_links_at_once_do_not_exceed_what_a_user_may_have(replicas, store):
    subject = await user_without_password(store, 0)
    links = [replicas[n % len(replicas)].link(subject, CORP, identity(str(n))) for n in range(40)]
    outcomes = await at_once(*links)
    assert outcomes.count(None) == MAX_IDENTITIES - 1
    assert len(await assert_consistent(store)) == MAX_IDENTITIES


async def test_a_user_who_is_removed_while_signing_in_leaves_no_identity_behind(replicas, store, users):
    for _ in range(20):
        user = await replicas[0].resolve(CORP, FIRST)
        outcomes = await at_once(
            replicas[1].resolve(CORP, FIRST),
            replicas[2].link(user.subject, OTHER, SECOND),
            users.remove(user),
            replicas[3].resolve(CORP, FIRST),
        )
        assert not [o for o in outcomes if isinstance(o, Exception) and not isinstance(o, SignInRefused)]
        await assert_consistent(store)
        assert await users.find(user.subject) is None
        assert await replicas[0].identities_of(user.subject) == []
        for left in [user async for user in users.all()]:
            await users.remove(left)


async def test_a_user_who_is_suspended_while_signing_in_is_refused_from_then_on(replicas, users):
    user = await replicas[0].resolve(CORP, FIRST)
    sign_ins = [replica.resolve(CORP, FIRST) for replica in replicas]
    await at_once(*sign_ins, users.suspend(user), *(replica.unlink(user.subject, FIRST.key) for replica in replicas))
    with pytest.raises(SignInRefused):
        await replicas[0].resolve(CORP, FIRST)


async def test_a_password_is_not_set_for_a_user_who_is_removed_meanwhile(replicas, store, users):
    user = await replicas[0].resolve(CORP, FIRST)
    await at_once(users.remove(user), users.set_password(user, "violet kettle marches north"))
    with pytest.raises(UnknownUser):
        await users.set_password(user, "violet kettle marches north")
    assert await users.find(user.subject) is None
