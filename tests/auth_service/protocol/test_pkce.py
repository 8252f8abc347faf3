"""PKCE, S256 only (RFC 7636)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_service.protocol.pkce import is_s256_challenge, is_verifier, stored_challenge, verifier_matches

pytestmark = pytest.mark.invariant(7)


def test_the_example_of_the_rfc_matches():
    """RFC 7636 appendix B."""
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert verifier_matches(verifier, stored_challenge("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"))
    assert is_verifier(verifier)


@given(st.from_regex(r"[A-Za-z0-9._~-]{43,128}", fullmatch=True), st.from_regex(r"[A-Za-z0-9_-]{43}", fullmatch=True))
def test_a_challenge_that_was_not_made_from_the_verifier_does_not_match(verifier, challenge):
    assert not verifier_matches(verifier, stored_challenge(challenge))


def test_a_challenge_is_never_its_own_verifier():
    """The downgrade to `plain`: RFC 9700 section 4.8.2."""
    assert not verifier_matches("v" * 43, stored_challenge("v" * 43))


@pytest.mark.parametrize("stored", ["", "E", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"])
def test_no_other_length_is_compared(stored):
    assert not verifier_matches("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", stored)


@pytest.mark.parametrize(
    "value", ["v" * 42, "v" * 129, "v" * 42 + "+", "v" * 42 + "\n", "v" * 43 + "\n", "\u00fc" * 43]
)
def test_a_malformed_verifier_is_refused(value):
    assert not is_verifier(value)


@pytest.mark.parametrize("value", ["", "c" * 42, "c" * 44, "c" * 42 + "=", "c" * 42 + ".", "c" * 43 + "\n"])
def test_a_malformed_challenge_is_refused(value):
    assert not is_s256_challenge(value)
