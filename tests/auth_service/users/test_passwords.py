"""Password hashing off the event loop."""

import argon2
import pytest
from argon2.exceptions import VerificationError, VerifyMismatchError
from argon2.profiles import CHEAPEST

from auth_service.users.passwords import MAX_PASSWORD_LENGTH, PARAMETERS, PasswordHasher

pytestmark = pytest.mark.invariant(4, 8)


@pytest.fixture
def hasher():
    made = PasswordHasher(parameters=CHEAPEST, workers=1)
    yield made
    made.close()


async def test_a_hash_verifies_its_password_and_no_other(hasher):
    stored = await hasher.hash("violet kettle")
    assert await hasher.verify("violet kettle", stored)
    assert not await hasher.verify("violet kettles", stored)


async def test_the_hash_is_argon2id_with_the_stated_parameters():
    hasher = PasswordHasher(workers=1)
    stored = await hasher.hash("violet kettle")
    hasher.close()
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert argon2.extract_parameters(stored) == PARAMETERS


async def test_two_spellings_of_the_same_characters_are_one_password(hasher):
    stored = await hasher.hash("cafe\u0301 noir")
    assert await hasher.verify("caf\u00e9 noir", stored)


@pytest.mark.parametrize("no_hash", [None, ""])
async def test_an_account_without_a_hash_never_verifies_but_hashes_all_the_same(hasher, monkeypatch, no_hash):
    verified, outcomes = [], []
    original = argon2.PasswordHasher.verify

    def watch(self, stored, password):
        verified.append(stored)
        try:
            return original(self, stored, password)
        except VerificationError as exc:
            outcomes.append(type(exc))
            raise

    monkeypatch.setattr(argon2.PasswordHasher, "verify", watch)
    assert not await hasher.verify("violet kettle", no_hash)
    assert [argon2.extract_parameters(s) for s in verified] == [CHEAPEST]
    # A mismatch comes after all the work; a hash that cannot be read would be refused in no time.
    assert outcomes == [VerifyMismatchError]


async def test_an_overlong_password_is_wrong_and_cannot_be_set(hasher):
    stored = await hasher.hash("x" * MAX_PASSWORD_LENGTH)
    assert not await hasher.verify("x" * (MAX_PASSWORD_LENGTH + 1), stored)
    with pytest.raises(ValueError, match="at most"):
        await hasher.hash("x" * (MAX_PASSWORD_LENGTH + 1))


async def test_a_damaged_hash_in_the_store_is_a_wrong_password_and_no_crash(hasher):
    assert not await hasher.verify("violet kettle", "$argon2id$nonsense")


async def test_a_hash_with_other_parameters_is_outdated(hasher):
    stored = await hasher.hash("violet kettle")
    newer = PasswordHasher(parameters=PARAMETERS, workers=1)
    newer.close()
    assert not hasher.is_outdated(stored)
    assert newer.is_outdated(stored)
