"""The table of limits: what is counted, for whom, where, and what holds while the store is away.

Hosted clients reach us from a few addresses, so whoever can be told apart is counted apart: a grant, a client at one
network, a person. The address alone only bounds what one machine can cost this process. A key that a stranger could
claim (a client id, a redirect host) is always counted together with the network it came from: nobody can use up the
allowance of somebody else.

- Limits in *memory* protect the processor of this replica and cost no round trip; each replica counts for itself,
  and they hold while the store is away.
- Limits in the *store* protect what all replicas share. While the store is away the request fails with 503: what
  they guard needs the store as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from shared.rates.gcra import Rate


class Place(Enum):
    """Where a limit counts."""

    MEMORY = "memory"
    STORE = "store"


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit. `name` appears in metrics, audit events, refusals and the RateLimit fields."""

    name: str
    rate: Rate
    place: Place
    counts: str
    """What it counts and for whom, in words (docs/limits.md)."""
    widens: bool = False
    """Whether addresses that speak for many people get `SHARED_NETWORK_FACTOR` times the allowance."""


SHARED_NETWORK_FACTOR: Final = 20

REQUESTS: Final = Limit("requests", Rate(20, 1, burst=400), Place.MEMORY, "any request, per network", widens=True)
CLIENT: Final = Limit(
    "client", Rate(10, 1, burst=300), Place.MEMORY, "authenticated requests, per client and network", widens=True
)
GRANT: Final = Limit("grant", Rate(2, 1, burst=300), Place.MEMORY, "refreshes, per grant")
REGISTRATION_HOST: Final = Limit(
    "registration_host",
    Rate(30, 60, burst=60),
    Place.STORE,
    "registrations, per redirect host and network",
    widens=True,
)
REGISTRATIONS: Final = Limit(
    "registrations", Rate(60, 60, burst=120), Place.STORE, "registrations, per network", widens=True
)
DECISIONS: Final = Limit("decisions", Rate(30, 60, burst=60), Place.STORE, "consents and refusals, per person")
SIGN_INS: Final = Limit(
    "sign_ins",
    Rate(10, 60, burst=50),
    Place.STORE,
    "passwords from browsers that never signed in, per network",
    widens=True,
)

LIMITS: Final = (GRANT, CLIENT, DECISIONS, SIGN_INS, REGISTRATION_HOST, REGISTRATIONS, REQUESTS)
