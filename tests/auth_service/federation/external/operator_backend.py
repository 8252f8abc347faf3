"""The backend of an operator as tests need it: what it is configured with, and what it signs."""

import dataclasses
import hashlib
import hmac
import json
from typing import Any

from pydantic import TypeAdapter

from auth_service.federation.configuration import ProviderConfiguration
from auth_service.federation.external import claims, provider, signed_jwt
from auth_service.federation.external.provider import ExternalIdentityProvider
from auth_service.federation.http import ProviderHttp
from auth_service.federation.provider import PendingSignIn, Purpose
from shared.jose.keys import VerificationKey
from tests.support.local_issuer import b64, new_key, sign_bytes

ISSUER = "https://auth.example"
PAGE = "https://app.example.com/sign-in/mcp"
BACKEND = "https://app.example.com"
ORIGIN = "https://app.example.com"
APP_ID = "app-1"
NOW = 1_800_000_000
KEY = new_key("backend-1", "ES256")
CONFIGURATION: TypeAdapter[Any] = TypeAdapter(ProviderConfiguration)
PENDING = PendingSignIn(
    state="state-of-this-sign-in",
    provider="app",
    issuer=BACKEND,
    purpose=Purpose.SIGN_IN,
    browser_hash="",
    transaction="",
    subject="",
    nonce="nonce-of-this-sign-in",
    code_verifier="",
    started_at=NOW - 20,
)


NO_USED_TOKENS: Any = None
"""An assertion is not remembered."""


def configuration(*keys, **changes):
    """A valid entry of AUTH_IDENTITY_PROVIDERS; a change to None takes a member away."""
    entry = {
        "id": "app",
        "kind": "external",
        "display_name": "Example",
        "allow": {"everyone": True},
        "page": PAGE,
        "issuer": BACKEND,
        "jwks": {"keys": [key.as_dict(private=False) for key in keys or (KEY,)]},
    } | changes
    return CONFIGURATION.validate_python({name: value for name, value in entry.items() if value is not None})


def build(*keys, used_tokens=None, fetch=None, now=NOW, monotonic=lambda: 0.0, **changes):
    """A provider with these keys, or with KEY."""
    return ExternalIdentityProvider(
        configuration(*keys, **changes),
        fetch=fetch or ProviderHttp(),
        issuer=ISSUER,
        used_tokens=used_tokens or NO_USED_TOKENS,
        clock=lambda: now,
        monotonic=monotonic,
    )


def pending(**changes):
    return dataclasses.replace(PENDING, **changes)


def sign(*, header=None, key=KEY, without=(), **changes):
    """An assertion that is accepted, with changes to its claims and its header."""
    whole = {"typ": "sallyport-sign-in+jwt", "alg": key.alg, "kid": key.kid} | (header or {})
    stated = {
        "iss": BACKEND,
        "aud": ISSUER,
        "sub": "user-1",
        "nonce": PENDING.nonce,
        "iat": NOW - 1,
    } | changes
    return sign_bytes(
        json.dumps({name: value for name, value in whole.items() if value is not None}).encode(),
        json.dumps({name: value for name, value in stated.items() if name not in without}).encode(),
        key,
    )


def session_token(*, header=None, **changes):
    """A session token of the SDK as it is accepted where the operator switched them on."""
    stated = {"aud": APP_ID, "exp": NOW + 3600, "sid": "session-1"} | changes
    return sign(header={"typ": "JWT"} | (header or {}), without=("nonce",) if "nonce" not in changes else (), **stated)


def hmac_with_public_key():
    """HS256, the public key as the secret: what a verifier accepts that takes the algorithm from the token."""
    header, payload, _ = sign(header={"alg": "HS256"}).split(".")
    signature = hmac.new(KEY.as_pem(private=False), f"{header}.{payload}".encode(), hashlib.sha256).digest()
    return f"{header}.{payload}.{b64(signature)}"


def switch_off(monkeypatch, *checks):
    """Leave these checks out, so that a test can show that nothing else refuses what they refuse."""
    for check in checks:
        match check:
            case "signature":
                monkeypatch.setattr(VerificationKey, "verify", lambda *_: True)
            case "key":
                monkeypatch.setattr(provider, "matching_keys", lambda keys, _: keys[:1])
            case "pending" | "origin":
                monkeypatch.setattr(provider, f"check_{check}", lambda *_: None)
            case _:
                left_out = []
                for module, name in (
                    (signed_jwt, "HEADER_CHECKS"),
                    (claims, "ASSERTION_CHECKS"),
                    (claims, "SESSION_TOKEN_CHECKS"),
                ):
                    left = tuple(one for one in getattr(module, name) if one.__name__ != f"check_{check}")
                    left_out.append(len(left) < len(getattr(module, name)))
                    monkeypatch.setattr(module, name, left)
                assert any(left_out), f"there is no check {check}"
