"""Cost of the first and of a repeated verification of a token."""

from __future__ import annotations

import base64
import time
from typing import Any, Final

import structlog
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from joserfc.jwk import RSAKey
from prometheus_client import CollectorRegistry

from mcp_service.jwks.document import parse_jwks
from mcp_service.status_lists.cache import StatusListMetrics
from mcp_service.status_lists.discovery import FeedDiscovery
from mcp_service.status_lists.feed_cache import FeedCache
from mcp_service.status_lists.feed_fetcher import FeedFetcher
from mcp_service.status_lists.list_encoding import FEED_FORM
from mcp_service.status_lists.list_token import ListReader
from mcp_service.status_lists.policy import StatusPolicy
from shared.access_tokens.profile import AccessTokenPolicy
from shared.access_tokens.verifier import TokenVerifier, VerificationKeyResolver
from shared.jose.jws import InvalidToken
from tests.benchmarks.harness import Report, compare
from tests.support.local_issuer import LocalTokenIssuer, key_set, new_key

RESOURCE = "https://tools.example/mcp"
ISSUER = "https://issuer.example"
LIST = f"{ISSUER}/status-lists/"
LISTS = 64
ALGORITHMS: Final = frozenset({"RS256"})


def _lists(keys: VerificationKeyResolver) -> FeedCache:
    """A cache with as many lists as an issuer has open, on which nothing is revoked."""
    cache = FeedCache(
        fetcher=FeedFetcher(FeedDiscovery(issuer=ISSUER, configured=LIST)),
        reader=ListReader(issuer=ISSUER, keys=keys, algorithms=ALGORITHMS, form=FEED_FORM, clock=time.time),
        policy=StatusPolicy(max_stale=3600, cooldown=30, strict=False),
        metrics=StatusListMetrics(CollectorRegistry()),
        log=structlog.get_logger(),
        clock=time.monotonic,
    )
    cache._lists.update({f"{LIST}{number:08}": bytearray(8192) for number in range(LISTS)})
    return cache


class _Held:
    def __init__(self, body: bytes) -> None:
        self._keys = parse_jwks(body, algorithms=ALGORITHMS)

    def held(self, kid):
        return self._keys.get(kid)

    async def find(self, unverified_kid):
        raise InvalidToken("kid", unverified_kid)


async def run(report: Report) -> None:
    """Measure the first and a repeated verification of a token."""
    key = new_key()
    token_issuer = LocalTokenIssuer(issuer=ISSUER, resource=RESOURCE, key=key)
    claims: dict[str, Any] = {
        "scope": "notes:read notes:write",
        "jti": "x" * 22,
        "sub": "y" * 22,
        "client_id": "z" * 22,
        "gid": "g" * 22,
    }
    status = {"status_list": {"idx": 4711, "uri": f"{LIST}{LISTS // 2:08}"}}
    token, without = token_issuer.issue(**claims, status=status), token_issuer.issue(**claims)
    signing_input, _, signature = token.rpartition(".")
    message, raw_signature = signing_input.encode(), _b64decode(signature)
    assert isinstance(key, RSAKey)
    public = key.public_key

    def raw() -> None:
        public.verify(raw_signature, message, padding.PKCS1v15(), hashes.SHA256())

    keys = _Held(key_set(key))
    policy = AccessTokenPolicy(issuer=ISSUER, audiences=frozenset({RESOURCE}))
    first_look = TokenVerifier(keys=keys, policy=policy, status_lists=_lists(keys), remembered=1)

    async def first(token: str) -> None:
        first_look._remembered.clear()  # every look is a first one
        await first_look.verify(token)

    second_look = TokenVerifier(keys=keys, policy=policy, status_lists=_lists(keys))
    await second_look.verify(token)
    await second_look.verify(without)

    async def a_hundred_more(token: str) -> None:
        for _ in range(100):
            await second_look.verify(token)

    turns = await compare(lambda: first(token), raw, seconds=2 * report.seconds)
    report.add(
        "a token seen for the first time, against the raw RSA verification of the same key",
        turns.ratios,
        at_most=1.7,
        detail=f"{turns.subject * 1e6:.0f} µs against {turns.yardstick * 1e6:.0f} µs",
    )
    turns = await compare(lambda: first(token), lambda: first(without), seconds=2 * report.seconds)
    report.add(
        "a token seen for the first time, with a status against without",
        turns.ratios,
        detail=f"{turns.subject * 1e6:.1f} µs against {turns.yardstick * 1e6:.1f} µs; {LISTS} lists are held",
    )
    turns = await compare(lambda: a_hundred_more(token), lambda: a_hundred_more(without), seconds=2 * report.seconds)
    report.add("a repeated token", turns.subjects * 1e4, unit="µs", at_most=1.35)
    report.add(
        "a repeated token, with a status against without",
        turns.ratios,
        detail=f"{turns.subject * 1e4:.2f} µs against {turns.yardstick * 1e4:.2f} µs",
    )


def _b64decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
