"""Whether clients get through at all, and in time (reference: F14, A17)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sallyport_doctor.addresses import Reach, uses_plain_http

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sallyport_doctor.exchange import Exchange
    from sallyport_doctor.observation import Observation

HARD_LIMIT_SECONDS: Final = 10.0
"""Claude gives up on discovery, registration and the token request after this long."""
SLOW_SECONDS: Final = 4.0
"""Under load an answer takes twice as long as it does for one patient doctor."""
_DAY: Final = 86_400


def _everything(seen: Observation) -> Iterator[Exchange]:
    for group in (seen.mcp, seen.resource_metadata, seen.server_metadata, seen.endpoints, seen.user_agents):
        yield from group.values()
    if seen.key_set is not None:
        yield seen.key_set


def plain_http(seen: Observation) -> str | None:
    """HTTPS is required of everything that is not on this machine."""
    return seen.url if uses_plain_http(seen.url) else None


def address_not_public(seen: Observation) -> str | None:
    """Hosted clients call from the internet, and refuse a host with any other address."""
    hit = [f"{h.host} is at {', '.join(h.addresses)}" for h in seen.hosts if h.reach is Reach.PRIVATE]
    return "; ".join(hit) or None


def ipv4_missing(seen: Observation) -> str | None:
    """Claude calls over IPv4 only."""
    hit = [h.host for h in seen.hosts if h.addresses and not h.has_ipv4 and h.reach is not Reach.LOOPBACK]
    return ", ".join(hit) or None


def tls_untrusted(seen: Observation) -> str | None:
    """The chain does not lead to a known authority."""
    return _tls(seen, "untrusted")


def tls_expired(seen: Observation) -> str | None:
    """The certificate has run out."""
    return _tls(seen, "expired")


def tls_wrong_name(seen: Observation) -> str | None:
    """The certificate is another host's."""
    return _tls(seen, "wrong-name")


def tls_failed(seen: Observation) -> str | None:
    """No handshake at all."""
    return _tls(seen, "failed")


def tls_expires_soon(seen: Observation) -> str | None:
    """Less than two weeks are left."""
    for host in seen.hosts:
        ends = host.tls.expires_at if host.tls is not None else None
        if ends is not None and 0 < ends - seen.now < 14 * _DAY:
            return f"{host.host}: {int((ends - seen.now) // _DAY)} days left"
    return None


def answer_too_slow(seen: Observation) -> str | None:
    """Beyond the limit of the clients."""
    slow = [f"{e.summary()} after {e.seconds:.1f} s" for e in _everything(seen) if e.seconds > HARD_LIMIT_SECONDS]
    return "; ".join(slow) or None


def answer_slow(seen: Observation) -> str | None:
    """Within the limit, but not by much."""
    if answer_too_slow(seen):
        return None
    slow = [f"{e.summary()} after {e.seconds:.1f} s" for e in _everything(seen) if e.seconds > SLOW_SECONDS]
    return "; ".join(slow) or None


def client_turned_away(seen: Observation) -> str | None:
    """A17: a firewall refuses what calls itself a client."""
    hit = [f"{name} got {e.status}" for name, e in seen.user_agents.items() if e.status in {401, 403, 406, 429, 503}]
    return ", ".join(hit) or None


def bot_challenge(seen: Observation) -> str | None:
    """A17: a page that asks for a human stands before a document for programs."""
    hit = [e.summary() for e in _everything(seen) if _is_bot_check(e)]
    return hit[0] if hit else None


def document_names_private_address(seen: Observation) -> str | None:
    """A public server's document leads to an address that nobody else can reach."""
    hit = [e.summary() for e in _everything(seen) if e.failure is not None and e.failure.name == "NOT_PUBLIC"]
    return "; ".join(hit) or None


def _is_bot_check(answer: Exchange) -> bool:
    if answer.header("cf-mitigated"):
        return True
    words = (b"just a moment", b"checking your browser", b"captcha", b"attention required")
    return answer.status in {403, 429, 503} and answer.looks_like_page and any(w in answer.body.lower() for w in words)


def _tls(seen: Observation, problem: str) -> str | None:
    hit = [f"{h.host}: {h.tls.detail}" for h in seen.hosts if h.tls is not None and h.tls.problem == problem]
    return "; ".join(hit) or None
