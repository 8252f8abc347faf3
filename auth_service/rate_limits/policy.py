"""The table of rate limits: what is counted, per which key, where, and what happens while Redis is unavailable.

Hosted clients share a few addresses, so requests are counted by the most specific key available: a grant, a client at
one network, a user. The address alone only bounds the load that one machine causes. A key that any caller can claim (a
client id, a redirect host) is always combined with the network of the request, so that one network cannot use up the
allowance of another.

- Limits in *memory* protect the processor of this replica and cost no round trip. Each replica counts for itself; they
  hold while Redis is unavailable.
- Limits in *Redis* are shared by all replicas. While Redis is unavailable the request fails with 503: the protected
  operation needs Redis as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from shared.rates import Rate


class Backend(Enum):
    """The place where a limit is counted."""

    MEMORY = "memory"
    REDIS = "Redis"


@dataclass(frozen=True, slots=True, eq=False)
class RateLimit:
    """One limit. `name` appears in metrics, audit events, error ids and the RateLimit fields.

    Compared by identity: as a key of a cache it is looked up several times per request.
    """

    name: str
    rate: Rate
    backend: Backend
    counts: str
    """The counted event and the key of the limit, for docs/rate-limits.md and error reasons."""
    scales_with_network: bool = False
    """Whether shared networks get `SHARED_NETWORK_FACTOR` (shared/rates.py) times the rate."""


REQUESTS: Final = RateLimit(
    "requests", Rate(20, 1, burst=400), Backend.MEMORY, "any request, per network", scales_with_network=True
)
CLIENT: Final = RateLimit(
    "client",
    Rate(10, 1, burst=300),
    Backend.MEMORY,
    "authenticated token requests, per client and network",
    scales_with_network=True,
)
GRANT: Final = RateLimit("grant", Rate(2, 1, burst=300), Backend.MEMORY, "refreshes, per grant")
REGISTRATION_HOST: Final = RateLimit(
    "registration_host",
    Rate(30, 60, burst=60),
    Backend.REDIS,
    "registrations, per redirect host and network",
    scales_with_network=True,
)
REGISTRATIONS: Final = RateLimit(
    "registrations",
    Rate(60, 60, burst=120),
    Backend.REDIS,
    "registrations, per IPv4 address or IPv6 /56",
    scales_with_network=True,
)
REGISTRATION_SITES: Final = RateLimit(
    "registration_sites",
    Rate(240, 60, burst=480),
    Backend.REDIS,
    "registrations, per IPv4 /24 or IPv6 /48",
    scales_with_network=True,
)
DECISIONS: Final = RateLimit("decisions", Rate(30, 60, burst=60), Backend.REDIS, "consent decisions, per user")
SIGN_INS: Final = RateLimit(
    "sign_ins",
    Rate(10, 60, burst=50),
    Backend.REDIS,
    "password attempts from browsers that never signed in, per network",
    scales_with_network=True,
)
PROVIDER_SIGN_INS: Final = RateLimit(
    "provider_sign_ins",
    Rate(30, 60, burst=60),
    Backend.REDIS,
    "sign-ins begun at identity providers, per network",
    scales_with_network=True,
)
PROVIDER_SIGN_INS_IN_ALL: Final = RateLimit(
    "provider_sign_ins_in_all",
    Rate(300, 60, burst=600),
    Backend.REDIS,
    "the same for which the user pressed a button, of all networks together",
)
KNOWN_BROWSER_SIGN_INS: Final = RateLimit(
    "known_browser_sign_ins",
    Rate(6, 60, burst=20),
    Backend.REDIS,
    "the same in browsers that signed in before, in place of both, per user",
)
KNOWN_BROWSER_SIGN_INS_IN_ALL: Final = RateLimit(
    "known_browser_sign_ins_in_all",
    Rate(300, 60, burst=600),
    Backend.REDIS,
    "the same in browsers that signed in before, of all users together",
)
PROVIDER_REDIRECTS_IN_ALL: Final = RateLimit(
    "provider_redirects_in_all",
    Rate(300, 60, burst=600),
    Backend.REDIS,
    "the same that an authorization request began by itself, of all networks together",
)
FETCHES: Final = RateLimit(
    "fetches",
    Rate(20, 60, burst=20),
    Backend.MEMORY,
    "fetches of client metadata documents and client keys, per network that causes them",
    scales_with_network=True,
)
FEEDS: Final = RateLimit(
    "feeds",
    Rate(16, 1, burst=512),
    Backend.MEMORY,
    "full 64 KiB of status lists that the change feed sends, per network",
    scales_with_network=True,
)
FEED_UNIT_BYTES: Final = 64 * 1024
CONCURRENT_FETCHES: Final = 8
SHARED_CONCURRENT_FETCHES: Final = 64
"""A quarter of all fetches (shared/fetch), so that the clients of one network cannot occupy the rest."""
FETCH_IPV6_PREFIX: Final = 48
"""The network size for fetches, which wait for hosts of an attacker's choice: a /48 is cheap to get."""

LIMITS: Final = (
    GRANT,
    CLIENT,
    DECISIONS,
    SIGN_INS,
    PROVIDER_SIGN_INS,
    PROVIDER_SIGN_INS_IN_ALL,
    KNOWN_BROWSER_SIGN_INS,
    KNOWN_BROWSER_SIGN_INS_IN_ALL,
    PROVIDER_REDIRECTS_IN_ALL,
    REGISTRATION_HOST,
    REGISTRATIONS,
    REGISTRATION_SITES,
    FETCHES,
    FEEDS,
    REQUESTS,
)
