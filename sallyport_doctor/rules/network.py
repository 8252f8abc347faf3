"""Rules for reachability, TLS and response times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sallyport_doctor.addresses import Reach, uses_plain_http

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sallyport_doctor.evidence import Evidence
    from sallyport_doctor.http_exchange import HttpExchange

CLIENT_TIMEOUT_SECONDS: Final = 10.0
"""Claude's timeout for discovery, registration and the token request."""
SLOW_SECONDS: Final = 4.0
"""Half of the timeout, less a margin: under load responses take about twice as long."""
_DAY: Final = 86_400


def _all_exchanges(evidence: Evidence) -> Iterator[HttpExchange]:
    for group in (
        evidence.mcp,
        evidence.other_urls,
        evidence.resource_metadata,
        evidence.server_metadata,
        evidence.oauth_endpoints,
        evidence.user_agents,
    ):
        yield from group.values()
    if evidence.key_set is not None:
        yield evidence.key_set


def plain_http(evidence: Evidence) -> str | None:
    return evidence.url if uses_plain_http(evidence.url) else None


def address_not_public(evidence: Evidence) -> str | None:
    affected = [f"{h.host} resolves to {', '.join(h.addresses)}" for h in evidence.hosts if h.reach is Reach.PRIVATE]
    return "; ".join(affected) or None


def ipv4_missing(evidence: Evidence) -> str | None:
    affected = [h.host for h in evidence.hosts if h.addresses and not h.has_ipv4 and h.reach is not Reach.LOOPBACK]
    return ", ".join(affected) or None


def tls_untrusted(evidence: Evidence) -> str | None:
    return _tls(evidence, "untrusted")


def tls_expired(evidence: Evidence) -> str | None:
    return _tls(evidence, "expired")


def tls_wrong_name(evidence: Evidence) -> str | None:
    return _tls(evidence, "wrong-name")


def tls_failed(evidence: Evidence) -> str | None:
    return _tls(evidence, "failed")


def tls_expires_soon(evidence: Evidence) -> str | None:
    for host in evidence.hosts:
        ends = host.tls.expires_at if host.tls is not None else None
        if ends is not None and 0 < ends - evidence.now < 14 * _DAY:
            return f"{host.host}: {int((ends - evidence.now) // _DAY)} days left"
    return None


def response_too_slow(evidence: Evidence) -> str | None:
    slow = [
        f"{e.summary()} after {e.seconds:.1f} s" for e in _all_exchanges(evidence) if e.seconds > CLIENT_TIMEOUT_SECONDS
    ]
    return "; ".join(slow) or None


def response_slow(evidence: Evidence) -> str | None:
    if response_too_slow(evidence):
        return None
    slow = [f"{e.summary()} after {e.seconds:.1f} s" for e in _all_exchanges(evidence) if e.seconds > SLOW_SECONDS]
    return "; ".join(slow) or None


def client_blocked(evidence: Evidence) -> str | None:
    affected = [
        f"{name} gets {e.status}" for name, e in evidence.user_agents.items() if e.status in {401, 403, 406, 429, 503}
    ]
    return ", ".join(affected) or None


def bot_challenge(evidence: Evidence) -> str | None:
    affected = [e.summary() for e in _all_exchanges(evidence) if _is_bot_check(e)]
    return affected[0] if affected else None


def document_names_private_address(evidence: Evidence) -> str | None:
    affected = [
        e.summary() for e in _all_exchanges(evidence) if e.failure is not None and e.failure.name == "NOT_PUBLIC"
    ]
    return "; ".join(affected) or None


def _is_bot_check(response: HttpExchange) -> bool:
    if response.header("cf-mitigated"):
        return True
    words = (b"just a moment", b"checking your browser", b"captcha", b"attention required")
    return (
        response.status in {403, 429, 503} and response.is_html_page and any(w in response.body.lower() for w in words)
    )


def _tls(evidence: Evidence, problem: str) -> str | None:
    affected = [f"{h.host}: {h.tls.detail}" for h in evidence.hosts if h.tls is not None and h.tls.problem == problem]
    return "; ".join(affected) or None
