"""The kinds of attack, how each is played, and what it may cost."""

from __future__ import annotations

from dataclasses import dataclass

from auth_service.rate_limits.policy import REGISTRATIONS, REQUESTS, SIGN_INS
from mcp_service.guard.rate_limits import TOKEN_BOUND
from tests.attack_run.figures import Bounds


@dataclass(frozen=True)
class Kind:
    """How the requests of a kind are sent, and its bounds."""

    bounds: Bounds
    pair: str = "open"
    """open: without rate limits, so that each request reaches its parser. limited: with them, behind a trusted proxy.
    unread: standard error is a pipe that nothing reads."""
    at_once: int = 8
    held: bool = False
    """An accepted answer is a stream, and stays open until all requests are answered."""
    once: bool = False
    """Log lines play no part: one log format is enough."""
    needs_user: bool = False
    needs_own_pair: bool = False
    """Settings or processes of a running pair would have to change."""


FUZZ_REQUESTS = 600
REGISTRATIONS_TRIED = REGISTRATIONS.rate.burst + 16
PAGES_TRIED = REQUESTS.rate.burst + 30
SIGN_INS_TRIED = SIGN_INS.rate.burst + 10
SIGN_INS_ELSEWHERE = 8
"""From a network each: they take the places of first attempts in the queue, and no limit refuses them."""
STREAMS_TRIED = TOKEN_BOUND.streams + 16
CONNECTIONS_TRIED = 300
CONNECTIONS_ALLOWED = 256
"""The default of MAX_CONNECTIONS_PER_NETWORK in both services."""
SLOW_NAMES = 8
UNREAD_REQUESTS = 4000
FLOODER, OTHER_FLOODER = "41.1.1.1", "44.1.1.1"
"""Public addresses: private ones have wider limits. Requests of all kinds count for their network."""
REFUSED_BODY = frozenset({400, 401, 413, 415})
REFUSED = REFUSED_BODY | {403, 404, 405, 406, 414, 417, 421, 429, 431}
LIMITED = frozenset({429})

KINDS = {
    "compressed": Kind(Bounds(frozenset({415}))),
    "multipart": Kind(Bounds(REFUSED_BODY)),
    "json": Kind(Bounds(REFUSED_BODY)),
    "headers": Kind(Bounds(REFUSED)),
    "raw": Kind(Bounds(frozenset({400, 414, 431}))),
    "unfinished": Kind(Bounds(frozenset({0, 404, 408})), once=True),
    "connections": Kind(Bounds(frozenset({0}), burst=2 * CONNECTIONS_ALLOWED), once=True),
    "tokens": Kind(Bounds(frozenset({401}))),
    "urls": Kind(Bounds(frozenset({400}))),
    "secrets": Kind(Bounds(REFUSED)),
    "fuzz": Kind(Bounds(REFUSED | {0}), needs_user=True),
    "streams": Kind(
        Bounds(LIMITED, burst=TOKEN_BOUND.streams), pair="limited", held=True, once=True, needs_user=True
    ),
    "register-flood": Kind(
        Bounds(LIMITED, burst=REGISTRATIONS.rate.burst, per_second=1, stored_bytes=1 << 20),
        pair="limited", at_once=REGISTRATIONS_TRIED, needs_own_pair=True,
    ),
    "authorize-flood": Kind(
        Bounds(LIMITED, burst=REQUESTS.rate.burst, per_second=REQUESTS.rate.requests, stored_bytes=256 << 10),
        pair="limited", at_once=PAGES_TRIED, needs_user=True, needs_own_pair=True,
    ),
    # A refused password is an attempt that was hashed. 503: the queue for hashing is full.
    "sign-in-flood": Kind(
        Bounds(frozenset({429, 503}), burst=SIGN_INS.rate.burst + SIGN_INS_ELSEWHERE, per_second=1 / 6),
        pair="limited", at_once=40, once=True, needs_user=True, needs_own_pair=True,
    ),
    # 503: the document of the client could not be fetched.
    "slow-names": Kind(
        Bounds(frozenset({400, 429, 503})), pair="limited", at_once=2 * SLOW_NAMES, once=True, needs_own_pair=True
    ),
    "unread-stderr": Kind(Bounds(frozenset({404})), pair="unread", needs_own_pair=True),
}  # fmt: skip
