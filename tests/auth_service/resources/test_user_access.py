"""Which scopes a user may have at a resource, and which claims its tokens tell. Pure."""

import json

import pytest

from auth_service.resources.catalogue import ProtectedResource
from auth_service.resources.user_access import MAX_CLAIMS_BYTES, KnownUser, claims_of, scopes_of
from tests.support.identities import identity


def resource(*, claims=(), **scopes):
    described = {name: {"description": "x", **more} for name, more in scopes.items()}
    return ProtectedResource.model_validate(
        {"identifier": "https://mcp.example/mcp", "name": "Notes", "scopes": described, "claims": list(claims)}
    )


NOTES = resource(
    read={},
    write={"requires": {"groups": ["staff"]}},
    admin={"implies": ["write"], "requires": {"emails": ["ada@example.org"]}},
    root={"implies": ["admin"]},
    loop={"implies": ["loop", "read"]},
)
EVERY = (*NOTES.scopes, "openid", "offline_access")
FREE = ("read", "loop", "openid", "offline_access")


@pytest.mark.invariant(15)
@pytest.mark.parametrize(
    ("stated", "allowed"),
    [
        (None, FREE),
        ({}, FREE),
        ({"groups": ("staff",)}, ("read", "write", "loop", "openid", "offline_access")),
        ({"groups": ("staff",), "email": "ada@example.org"}, ("read", "write", "loop", "openid", "offline_access")),
        ({"email": "ada@example.org", "email_verified": True}, FREE),
        ({"groups": ("staff",), "email": "ada@example.org", "email_verified": True}, EVERY),
        ({"groups": (), "groups_complete": False}, FREE),
    ],
    ids=str,
)
def test_a_scope_needs_what_it_and_all_that_it_implies_require(stated, allowed):
    user = None if stated is None else identity("1", **stated)
    assert scopes_of(NOTES, EVERY, user) == allowed


def test_a_requirement_without_a_condition_is_refused():
    with pytest.raises(ValueError, match="names no condition"):
        resource(read={"requires": {}})


@pytest.mark.parametrize(
    "name",
    ["sub", "iss", "aud", "scope", "exp", "gid", "status", "client_id", "cnf", "act", "groups_complete", "a b", ""],
)
def test_a_resource_cannot_name_claims_of_the_token_itself(name):
    with pytest.raises(ValueError, match="claim"):
        resource(claims=[name])


def told(*names, username="corp/ada", **stated):
    user = identity("1", **stated)
    known = KnownUser(username, user.name, user.email, user.email_verified, user)
    return claims_of(resource(claims=names), known, granted=names)


@pytest.mark.invariant(15)
def test_only_what_the_resource_names_and_the_grant_holds_is_told():
    user = KnownUser("ada", "Ada", "a@b.example", email_verified=True)
    granted = ("name", "preferred_username")
    assert claims_of(resource(claims=["name", "email"]), user, granted=granted) == {"name": "Ada"}


def test_a_claim_that_the_user_left_out_takes_no_room_from_the_others():
    stated = identity("1", claims={"first": "x" * 4000, "second": "y" * 4000})
    known = KnownUser("ada", None, None, email_verified=False, identity=stated)
    assert claims_of(resource(claims=["first", "second"]), known, granted=("second",)) == {"second": "y" * 4000}


def test_only_what_is_named_and_known_is_told():
    stated = {"name": "Ada", "email": "a@b.example", "domain": "b.example", "claims": {"plan": "paid", "roles": ["r"]}}
    assert told(**stated) == {}
    assert told("name", "plan", "absent", **stated) == {"name": "Ada", "plan": "paid"}
    assert told("email", "domain", **stated) == {
        "email": "a@b.example",
        "email_verified": False,
        "domain": "b.example",
    }
    assert told("roles", "preferred_username", **stated) == {"roles": ["r"], "preferred_username": "corp/ada"}


@pytest.mark.parametrize(("members", "complete"), [(100, True), (101, True), (3, False)])
def test_a_list_from_which_members_are_left_out_says_so(members, complete):
    groups = tuple(str(n) for n in range(members))
    found = told("groups", groups=groups, groups_complete=complete)
    assert found["groups"] == list(groups[:100])
    assert found.get("groups_complete", True) is (complete and members <= 100)


def test_all_claims_together_are_bounded_and_those_without_room_are_named():
    found = told("a", "b", "c", claims={"a": "x" * 3000, "b": "y" * 2000, "c": "z" * 500})
    assert found.keys() == {"a", "c", "claims_left_out"}
    assert found["claims_left_out"] == ["b"]
    assert len(json.dumps({k: v for k, v in found.items() if k != "claims_left_out"})) <= MAX_CLAIMS_BYTES


@pytest.mark.parametrize("value", ["\ud800", float("nan"), {"a": ["\udfff"]}])
def test_a_claim_that_json_cannot_hold_is_left_out(value):
    assert told("a", "name", name="Ada", claims={"a": value}) == {"name": "Ada", "claims_left_out": ["a"]}
