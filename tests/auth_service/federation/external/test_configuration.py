"""Entries for pages of the operator that are refused at start."""

import pytest
from pydantic import ValidationError

from tests.auth_service.federation.external.operator_backend import KEY, ORIGIN, configuration


@pytest.mark.parametrize(
    "changes",
    [
        {"jwks": None},
        {"jwks_uri": "https://app.example.com/jwks.json"},
        {"jwks": None, "jwks_uri": "http://app.example.com/jwks.json"},
        {"jwks": {"keys": []}},
        {"jwks": {"keys": [KEY.as_dict(private=True)]}},
        {"jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}},
        {"jwks": {}},
        {"issuer": ""},
        {"algorithms": ["HS256"]},
        {"algorithms": ["none"]},
        {"page": "http://app.example.com/sign-in"},
        {"page": "/sign-in"},
        {"page": "https://app.example.com/sign-in?nonce=fixed"},
        {"page": "https://app.example.com/sign-in?redirect_uri=https://auth.example"},
        {"accept_session_token": True},
        {"accept_session_token": {}},
        {"accept_session_token": {"audience": "app-1"}},
        {"accept_session_token": {"audience": "", "origin": ORIGIN}},
        {"accept_session_token": {"audience": "app-1", "origin": f"{ORIGIN}/"}},
        {"accept_session_token": {"audience": "app-1", "origin": f"{ORIGIN}/sign-in"}},
        {"accept_session_token": {"audience": "app-1", "origin": f"{ORIGIN}:443"}},
        {"accept_session_token": {"audience": "app-1", "origin": "https://APP.example.com"}},
        {"accept_session_token": {"audience": "app-1", "origin": "http://app.example.com"}},
        {"accept_session_token": {"audience": "app-1", "origin": "*"}},
        {"accept_session_token": {"audience": "app-1", "origin": "null"}},
        {"accept_session_token": {"audience": "app-1", "origin": ORIGIN, "max_age": 0}},
        {"accept_session_token": {"audience": "app-1", "origin": ORIGIN, "max_age": 3601}},
        {"accept_session_token": {"audience": "app-1", "origin": ORIGIN, "any_age": True}},
        {"nonce": "optional"},
    ],
)
def test_an_unsafe_entry_is_refused(changes):
    with pytest.raises(ValidationError):
        configuration(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"jwks": None, "jwks_uri": "https://app.example.com/jwks.json"},
        {"page": "http://localhost:3000/sign-in"},
        {"page": "https://app.example.com/sign-in?tenant=a"},
        {"issuer": "privy.io"},
        {"accept_session_token": {"audience": "app-1", "origin": "http://localhost:3000"}},
    ],
)
def test_these_are_accepted(changes):
    assert configuration(**changes)


def test_session_tokens_are_off_unless_the_setting_is_named():
    assert configuration().accept_session_token is None
