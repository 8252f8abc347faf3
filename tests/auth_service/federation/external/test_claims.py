"""The identity that an assertion states."""

import pytest

from auth_service.federation.access_rules import IdentityConditions, refusal
from auth_service.federation.identity import MAX_GROUPS
from auth_service.federation.provider import SignInRefused
from tests.auth_service.federation.external.operator_backend import PENDING, build, sign


async def identity_of(*, configured=None, **claims):
    return await build(**(configured or {})).identify(PENDING, {"assertion": sign(**claims)})


@pytest.mark.parametrize(
    ("configured", "stated", "believed"),
    [
        (True, True, True),
        (True, False, False),
        (True, "true", False),
        (True, 1, False),
        (True, None, False),
        (False, True, False),
    ],
)
@pytest.mark.invariant(13)
async def test_an_address_is_verified_only_if_the_claim_and_the_operator_say_so(configured, stated, believed):
    identity = await identity_of(
        configured={"email_verified": configured}, email="user@example.com", email_verified=stated
    )
    assert identity.email == "user@example.com"
    assert identity.email_verified is believed


async def test_without_an_address_nothing_is_verified():
    identity = await identity_of(configured={"email_verified": True}, email_verified=True)
    assert (identity.email, identity.email_verified) == (None, False)


@pytest.mark.invariant(13)
async def test_the_same_address_with_another_subject_is_another_identity():
    one, other = (
        await identity_of(sub="a", email="user@example.com"),
        await identity_of(sub="b", email="user@example.com"),
    )
    assert one.key != other.key


@pytest.mark.invariant(13)
async def test_the_same_subject_with_another_address_is_the_same_identity():
    one, other = await identity_of(email="old@example.com"), await identity_of(email="new@example.com")
    assert one.key == other.key


async def test_groups_are_those_of_the_claim():
    identity = await identity_of(groups=["staff", "admins"])
    assert (identity.groups, identity.groups_complete) == (("staff", "admins"), True)


async def test_an_empty_list_says_that_there_are_none():
    identity = await identity_of(groups=[])
    assert (identity.groups, identity.groups_complete) == ((), True)


@pytest.mark.parametrize("claims", [{}, {"groups": None}, {"groups": ["g"] * (MAX_GROUPS + 1)}])
async def test_groups_that_are_left_out_let_rules_on_groups_refuse(claims):
    """Without the claim, a rule that denies a group would be passed by a backend that forgot to send it."""
    identity = await identity_of(**claims)
    assert not identity.groups_complete
    assert len(identity.groups) <= MAX_GROUPS
    denied = IdentityConditions(groups=("suspended",))
    assert refusal(allow=IdentityConditions(everyone=True), deny=denied, identity=identity) is not None


async def test_further_claims_are_kept_and_those_of_the_protocol_are_not():
    identity = await identity_of(jti="1", nbf=1, plan="pro", seats=3, roles=["a"])
    assert identity.claims == {"plan": "pro", "seats": 3, "roles": ["a"]}


@pytest.mark.parametrize("name", ["email", "name"])
@pytest.mark.parametrize("value", [7, True, [], {}, "x" * 301, "line\nbreak", "nul\x00"])
async def test_a_text_that_is_none_is_refused(name, value):
    with pytest.raises(SignInRefused) as refused:
        await identity_of(**{name: value})
    assert refused.value.error_id == "external_claims"


async def test_empty_texts_are_missing_ones():
    identity = await identity_of(name="", email="")
    assert (identity.name, identity.email) == (None, None)
