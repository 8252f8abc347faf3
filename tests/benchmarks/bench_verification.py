"""What a first look and a second look at a token cost."""

from __future__ import annotations

import base64
import time
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from joserfc.jwk import RSAKey

from mcp_service.jwks.document import parse_jwks
from shared.access_tokens.profile import AccessTokenPolicy
from shared.access_tokens.verifier import HeldStatusLists, TokenVerifier
from shared.jose.jws import InvalidToken
from tests.benchmarks.harness import Report, compare, seconds_per_call
from tests.support.local_issuer import Minter, key_set, new_key

RESOURCE = "https://tools.example/mcp"
ISSUER = "https://issuer.example"


LIST = f"{ISSUER}/status-lists/{'l' * 22}"


class _Lists(HeldStatusLists):
    """One list on which nothing is revoked."""

    def __init__(self) -> None:
        super().__init__(time.monotonic)
        self._lists[LIST] = bytearray(8192)
        self._followed = True

    async def check(self, status, *, lifetime):
        assert self.allow(status)


class _Held:
    def __init__(self, body: bytes) -> None:
        self._keys = parse_jwks(body, algorithms=frozenset({"RS256"}))

    def held(self, kid):
        return self._keys.get(kid)

    async def find(self, unverified_kid):
        raise InvalidToken("kid", unverified_kid)


async def run(report: Report) -> None:
    """What a first and a second look at a token cost."""
    key = new_key()
    token_issuer = Minter(issuer=ISSUER, resource=RESOURCE, key=key)
    claims: dict[str, Any] = {
        "scope": "notes:read notes:write",
        "jti": "x" * 22,
        "sub": "y" * 22,
        "client_id": "z" * 22,
        "gid": "g" * 22,
        "status": {"status_list": {"idx": 4711, "uri": LIST}},
    }
    token = token_issuer.issue(**claims)
    signing_input, _, signature = token.rpartition(".")
    message, raw_signature = signing_input.encode(), _b64decode(signature)
    assert isinstance(key, RSAKey)
    public = key.public_key

    def raw() -> None:
        public.verify(raw_signature, message, padding.PKCS1v15(), hashes.SHA256())

    policy = AccessTokenPolicy(issuer=ISSUER, audiences=frozenset({RESOURCE}))
    first_look = TokenVerifier(keys=_Held(key_set(key)), policy=policy, status_lists=_Lists(), remembered=1)

    async def first() -> None:
        first_look._remembered.clear()  # every look is a first one
        await first_look.verify(token)

    second_look = TokenVerifier(keys=_Held(key_set(key)), policy=policy, status_lists=_Lists())
    await second_look.verify(token)

    async def a_hundred_more() -> None:
        for _ in range(100):
            await second_look.verify(token)

    looked, verified = await compare(first, raw, seconds=report.seconds)
    report.add(
        "a token seen for the first time, against the raw RSA verification of the same key",
        looked / verified,
        at_most=2.5,
        detail=f"{looked * 1e6:.0f} µs against {verified * 1e6:.0f} µs",
    )
    again = await seconds_per_call(a_hundred_more, seconds=report.seconds) / 100
    report.add("a repeated token", again * 1e6, unit="µs", at_most=3)


def _b64decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
