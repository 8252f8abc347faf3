"""What a form leaves of a request: never more than was available and ticked, never less than is required. Pure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_service.resources.catalogue import IDENTITY_SCOPES, OFFLINE_ACCESS, ProtectedResource
from auth_service.resources.choice import choose, leaves_nothing, optional_scopes, required_scopes

pytestmark = pytest.mark.invariant(15)

NOTES = ProtectedResource.model_validate(
    {
        "identifier": "https://mcp.example/mcp",
        "name": "Notes",
        "scopes": {
            "read": {"description": "x"},
            "base": {"description": "x", "required": True, "implies": ["read"]},
            "write": {"description": "x", "implies": ["list"]},
            "list": {"description": "x"},
            "share": {"description": "x"},
        },
        "claims": ["email", "name", "groups"],
        "required_claims": ["name"],
    }
)
EVERY = (*NOTES.scopes, *IDENTITY_SCOPES, OFFLINE_ACCESS)
NAMES = st.lists(st.sampled_from((*EVERY, *NOTES.claims, "files:read", "", "read share", "READ", "*")))


def chosen(available, *scopes, claims=()):
    return choose(NOTES, available, unverified_scopes=scopes, unverified_claims=claims)


@given(available=st.lists(st.sampled_from(EVERY), unique=True), scopes=NAMES, claims=NAMES)
def test_whatever_a_form_posts_the_choice_is_within_what_was_offered_and_ticked(available, scopes, claims):
    choice = chosen(available, *scopes, claims=claims)
    required = set(required_scopes(NOTES, available))
    ticked = NOTES.hierarchy().effective(s for s in scopes if s in available)
    assert required <= set(choice.scopes) <= set(available) & (required | ticked)
    assert {"name"} <= set(choice.claims) <= {"name", *claims} & set(NOTES.claims)
    assert len(set(choice.scopes)) == len(choice.scopes)


def test_a_required_scope_and_what_it_implies_stay_without_being_posted():
    assert chosen(EVERY).scopes == ("read", "base", "openid", "offline_access")
    assert chosen(("read", "share")).scopes == ()


def test_the_only_scope_of_the_resource_stays_without_being_posted():
    assert chosen(("share", "email")).scopes == ("share",)


def test_a_requested_scope_that_a_ticked_one_implies_is_granted_with_it():
    assert chosen(("write", "list", "share"), "write").scopes == ("write", "list")
    assert chosen(("write", "share"), "write").scopes == ("write",)


@pytest.mark.parametrize(
    ("available", "ticked", "nothing"),
    [
        (("write", "share", "profile"), ("profile",), True),
        (("write", "share"), ("share",), False),
        (("base", "share"), (), False),
        (("openid", "profile"), (), False),
        ((), (), False),
    ],
)
def test_a_choice_without_a_scope_of_the_resource_is_none_where_there_was_one(available, ticked, nothing):
    assert leaves_nothing(NOTES, available, chosen(available, *ticked)) is nothing


@pytest.mark.parametrize(
    ("available", "held", "optional"),
    [
        (EVERY, (), ("write", "list", "share", "profile", "email")),
        (("share", "openid"), (), ()),
        (("share", "email"), (), ("email",)),
        (("share",), ("share",), ()),
        (("write", "share"), ("write",), ("share",)),
        (("write", "share", "list"), ("write", "list"), ("share",)),
        (("base", "share"), (), ("share",)),
        (("base", "read"), (), ()),
    ],
)
def test_a_checkbox_is_for_a_scope_that_is_neither_required_nor_held_nor_alone(available, held, optional):
    assert optional_scopes(NOTES, available, held) == optional


def test_a_required_claim_must_be_one_of_the_claims():
    with pytest.raises(ValueError, match="required claim 'plan'"):
        ProtectedResource.model_validate(
            {"identifier": "https://mcp.example/mcp", "name": "N", "scopes": {}, "required_claims": ["plan"]}
        )
