"""The identity that verified claims stand for: addresses, groups, and what rules can name."""

import pytest

from auth_service.federation.access_rules import IdentityConditions, refusal
from auth_service.federation.identity import MAX_GROUPS
from auth_service.federation.oidc.identity_mapping import MAX_EMAIL_CHARACTERS
from auth_service.federation.provider import SignInRefused
from tests.support.oidc_model import MISSING, NOW

pytestmark = pytest.mark.invariant(13)
EVERYONE = IdentityConditions(everyone=True)
EMAIL = "ada@example.org"
OKTA = {"preset": "okta", "issuer": "https://idp.example"}


@pytest.mark.parametrize(
    ("stated", "believed"),
    [
        (True, True),
        ("true", True),
        (False, False),
        ("false", False),
        ("True", False),
        (1, False),
        ([True], False),
        (None, False),
        (MISSING, False),
    ],
)
async def test_an_address_is_verified_only_if_the_provider_says_so(sign_in, model, stated, believed):
    model.claims = {"email": EMAIL, "email_verified": stated}
    identity = await sign_in()
    assert (identity.email, identity.email_verified) == (EMAIL, believed)
    assert not (await sign_in(email_verified_claim=None)).email_verified


@pytest.mark.parametrize(
    ("claims", "userinfo", "expected"),
    [
        ({}, {"email": EMAIL, "email_verified": True}, (EMAIL, True)),
        ({"email": EMAIL}, {"email": EMAIL, "email_verified": True}, (EMAIL, True)),
        ({"email": EMAIL}, {"email": "other@example.org", "email_verified": True}, (EMAIL, False)),
        ({"email": EMAIL}, {"email_verified": True}, (EMAIL, False)),
        ({"email": EMAIL, "email_verified": False}, {"email": EMAIL, "email_verified": True}, (EMAIL, False)),
        ({"email_verified": True}, {"email": EMAIL}, (EMAIL, False)),
    ],
)
async def test_one_document_states_an_address_and_its_verification(sign_in, model, claims, userinfo, expected):
    model.claims, model.userinfo = claims, userinfo
    identity = await sign_in(userinfo=True)
    assert (identity.email, identity.email_verified) == expected


async def test_an_address_is_not_cut_off_to_one_of_another_domain(sign_in, model):
    end = "@example.org"
    model.claims = {"email": "x" * (MAX_EMAIL_CHARACTERS - len(end)) + end + ".evil.example", "email_verified": True}
    identity = await sign_in()
    assert (identity.email, identity.email_verified) == (None, False)


@pytest.mark.parametrize("email", ["", "ada", 1, ["ada@example.org"], "ada@example.org\n", {"a": EMAIL}])
async def test_what_is_no_address_is_none(sign_in, model, email):
    model.claims = {"email": email, "email_verified": True}
    assert (await sign_in()).email is None


async def test_the_same_address_with_another_subject_is_another_identity(sign_in, model):
    model.claims = {"email": EMAIL, "email_verified": True}
    one = await sign_in()
    model.claims["sub"] = "user-2"
    assert (await sign_in()).key != one.key


@pytest.mark.parametrize(
    "claims",
    [
        {"groups": ["staff"], "_claim_names": {"groups": "src1"}},
        {"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://evil.example"}}},
        {"hasgroups": True},
        {},
        {"groups": 1},
        {"groups": ["staff", 1]},
        {"groups": ["staff", ""]},
        {"groups": [f"g{number}" for number in range(MAX_GROUPS + 1)]},
        {"groups": ["x" * 100] * 150},
    ],
)
async def test_groups_that_are_left_out_let_rules_on_groups_refuse(sign_in, model, claims):
    model.claims = claims
    identity = await sign_in(**OKTA)
    assert not identity.groups_complete
    assert len(identity.groups) <= MAX_GROUPS
    assert refusal(allow=EVERYONE, deny=IdentityConditions(groups=("suspended",)), identity=identity) is not None
    assert model.asked("evil") == 0


@pytest.mark.parametrize(("stated", "groups"), [("staff", ("staff",)), ([], ()), (["a", "b"], ("a", "b"))])
async def test_groups_are_a_list_or_one_text(sign_in, model, stated, groups):
    model.claims = {"groups": stated}
    identity = await sign_in(**OKTA)
    assert (identity.groups, identity.groups_complete) == (groups, True)


@pytest.mark.parametrize(
    ("claims", "complete"), [({}, True), ({"hasgroups": True}, False), ({"_claim_names": {"groups": "src1"}}, False)]
)
async def test_entra_sends_no_list_for_a_user_without_groups(sign_in, model, claims, complete):
    tenant = "11111111-2222-3333-4444-555555555555"
    model.issuer = f"https://login.microsoftonline.com/{tenant}/v2.0"
    model.claims = {"tid": tenant, "oid": "object-1", **claims}
    assert (await sign_in(preset="entra", tenant=tenant)).groups_complete is complete


async def test_rules_can_name_plain_claims_and_none_of_the_protocol(sign_in, model):
    model.claims = {"plan": "pro", "seats": 3, "roles": ["a"], "address": {"country": "NL"}, "email": EMAIL, "sid": "1"}
    assert (await sign_in()).claims == {"plan": "pro", "roles": ["a"], "seats": 3}


@pytest.mark.parametrize(("changes", "groups"), [({}, ("staff",)), ({"userinfo": False}, ())])
async def test_the_groups_of_okta_are_read_from_userinfo_because_its_id_token_lacks_them(
    sign_in, model, changes, groups
):
    model.issuer = "https://acme.okta.com"
    model.userinfo = {"groups": ["staff"], "email": "ada@acme.example", "email_verified": True}
    identity = await sign_in(preset="okta", issuer=model.issuer, **changes)
    assert (identity.groups, identity.groups_complete) == (groups, bool(groups))


async def test_what_the_id_token_states_is_not_replaced_by_userinfo(sign_in, model):
    model.claims, model.userinfo = {"plan": "free"}, {"plan": "pro", "seats": 3}
    assert (await sign_in(userinfo=True)).claims == {"plan": "free", "seats": 3}


async def test_more_claims_than_are_stored_sign_nobody_in(sign_in, model):
    model.claims = {f"claim{number}": "x" * 200 for number in range(100)}
    with pytest.raises(SignInRefused) as caught:
        await sign_in()
    assert caught.value.error_id == "identity_size"


@pytest.mark.parametrize(("stated", "at"), [(MISSING, NOW), (None, NOW), (NOW - 50, NOW - 50), (NOW - 50.5, NOW - 51)])
async def test_the_time_of_the_sign_in_is_that_of_the_provider(sign_in, model, stated, at):
    model.claims["auth_time"] = stated
    assert (await sign_in()).authenticated_at in {at, at + 1}


async def test_no_sign_in_is_dated_in_the_future(sign_in, model):
    model.claims["auth_time"] = NOW + 30
    assert (await sign_in()).authenticated_at <= NOW
