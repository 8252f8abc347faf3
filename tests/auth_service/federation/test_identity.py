"""The stored form of an identity."""

import json

import pytest

from auth_service.federation.identity import MAX_IDENTITY_BYTES, IdentityTooLarge, KnownIdentity
from tests.support.identities import identity

FULL = identity(
    "did:example:1",
    email="ada@example.org",
    email_verified=True,
    name="Ada \U0001f600 \ud800",
    login="ada",
    domain="example.org",
    groups=("g1", "g2"),
    groups_complete=False,
    organizations=("acme",),
    teams=("acme/ops",),
    claims={"department": "engineering", "roles": ["a", "b"], "level": 3, "active": True},
)


def test_what_is_stored_is_what_was_stated():
    known = KnownIdentity(FULL, linked_at=1, signed_in_at=2)
    assert KnownIdentity.from_json(known.to_json()) == known
    assert known.to_json().isascii()


def test_a_record_of_another_version_is_read():
    record = json.loads(KnownIdentity(FULL, linked_at=1, signed_in_at=2).to_json())
    record["identity"]["added_later"] = 1
    del record["identity"]["teams"], record["identity"]["claims"]
    record["added_later"] = 1
    read = KnownIdentity.from_json(json.dumps(record))
    assert (read.identity.key, read.identity.teams, read.identity.claims) == (FULL.key, (), {})


def test_more_than_is_stored_is_refused():
    def stored(groups):
        return KnownIdentity(identity(groups=(groups * "g",)), linked_at=1, signed_in_at=2)

    rest = len(stored(0).to_json())
    assert len(stored(MAX_IDENTITY_BYTES - rest).to_json()) == MAX_IDENTITY_BYTES
    with pytest.raises(IdentityTooLarge):
        stored(MAX_IDENTITY_BYTES - rest + 1).to_json()
