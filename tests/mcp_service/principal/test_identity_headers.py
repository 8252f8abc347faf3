"""The principal in plain headers: always all of them, and no name from outside that could be taken for one."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_service.principal.handover import NoHandover
from mcp_service.principal.identity_headers import PrincipalHeaders, PrincipalTooLong, is_identity_header
from tests.support.principals import HIERARCHY, verified_token

NAMES = {"Sallyport-Subject", "Sallyport-Issuer", "Sallyport-Client", "Sallyport-Scopes", "Sallyport-Claim-Email"}


def headers(token, *claims):
    handover = PrincipalHeaders(scopes=HIERARCHY, claims=claims or ("email",))
    return handover.headers(token, method="POST", path="/mcp", body=b"{}")


def test_the_headers_tell_subject_issuer_client_scopes_and_chosen_claims():
    assert headers(verified_token(email="ann@example.com", groups=["admins"])) == {
        "Sallyport-Subject": "user-1",
        "Sallyport-Issuer": "https://auth.example",
        "Sallyport-Client": "client-1",
        "Sallyport-Scopes": "notes:write notes:read",
        "Sallyport-Claim-Email": "ann@example.com",
    }


@pytest.mark.invariant(14)
@pytest.mark.parametrize("token", [None, verified_token(), verified_token(email=None, scopes=())])
def test_all_headers_are_set_whatever_there_is_to_tell(token):
    assert set(headers(token)) == NAMES


@pytest.mark.invariant(14)
def test_a_public_operation_has_only_empty_headers():
    assert set(headers(None).values()) == {""}


@pytest.mark.invariant(14)
def test_no_value_can_begin_a_header_of_its_own_or_a_second_entry_of_a_list():
    hostile = "x\r\nSallyport-Subject: admin, admin\x00é"
    told = headers(
        verified_token(subject=hostile, client_id=hostile, email=[hostile], scopes=("a,b", "c%20d")), "email"
    )
    assert all(" " <= character <= "~" for value in told.values() for character in value)
    assert told["Sallyport-Claim-Email"].count(",") == 1
    assert told["Sallyport-Scopes"] == "a%2Cb c%2520d"


def test_the_header_of_a_claim_is_its_name_in_words():
    told = headers(verified_token(preferred_username="ann"), "preferred_username", "org.unit")
    assert told["Sallyport-Claim-Preferred-Username"] == "ann"
    assert told["Sallyport-Claim-Org-Unit"] == ""


@pytest.mark.invariant(14)
@pytest.mark.parametrize("user", [{"email": "x" * 4097}, {"email": "é" * 1000}, {"email": ["group"] * 700}])
def test_what_is_too_long_is_refused_and_never_cut(user):
    with pytest.raises(PrincipalTooLong) as refused:
        headers(verified_token(user))
    assert (refused.value.status, refused.value.error_id) == (403, "principal_size")
    assert "x" * 10 not in refused.value.reason


@pytest.mark.invariant(14)
def test_the_headers_together_are_bounded_too():
    claims = {f"c{number}": "x" * 3000 for number in range(3)}
    with pytest.raises(PrincipalTooLong):
        headers(verified_token(claims), *claims)


@pytest.mark.invariant(14)
@pytest.mark.parametrize(
    "name",
    [
        "Sallyport-Subject",
        "sallyport-subject",
        "SALLYPORT_SUBJECT",
        "Sallyport.Subject",
        "Sallyport_Claim.Email",
        "sallyport-claim_anything",
        "Sallyport-Assertion",
        "sallyport~assertion",
        "Sallyport!Subject",
        "Sallyport--Subject",
        "Sallyport-",
        "Sallyport",
        "sAlLyPoRt_Later-Header",
    ],
)
def test_a_name_that_some_server_reads_as_ours_is_ours(name):
    assert is_identity_header(name)


def as_variable(name):
    """As CGI and servers in its tradition name a header: every other character than letters and digits is `_`."""
    return "HTTP_" + re.sub(r"[^A-Z0-9]", "_", name.upper())


@pytest.mark.invariant(14)
@given(
    st.sampled_from(sorted(NAMES)),
    st.lists(st.sampled_from("!#$%&'*+-.^_`|~"), min_size=4, max_size=4),
    st.lists(st.booleans(), min_size=40, max_size=40),
)
def test_no_spelling_of_a_variable_that_ours_has_too_goes_through(name, separators, upper):
    spelled = "".join(c.upper() if up else c.lower() for c, up in zip(name, upper, strict=False))
    others = iter(separators)
    spelled = "".join(next(others) if c == "-" else c for c in spelled)
    assert as_variable(spelled) == as_variable(name)
    assert is_identity_header(spelled)


@pytest.mark.parametrize("name", ["Accept", "X-Sallyport-Subject", "Sallyports-Subject", "Sally-Port", "", "Mcp-Name"])
def test_other_names_are_not_ours(name):
    assert not is_identity_header(name)


@pytest.mark.invariant(14)
def test_every_header_that_is_set_is_recognised_from_outside():
    assert all(
        map(is_identity_header, [*headers(verified_token(), "preferred_username", "a.b"), "Sallyport-Assertion"])
    )


def test_a_server_can_learn_nothing():
    assert NoHandover().headers(verified_token(), method="POST", path="/mcp", body=b"") == {}
