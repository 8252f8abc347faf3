"""What a page in a browser may read (reference: R9, R10, A13, F15)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sallyport_doctor.probes.cors import ASKED_HEADERS
from sallyport_doctor.probes.endpoint import BROWSER_ORIGIN

if TYPE_CHECKING:
    from sallyport_doctor.exchange import Exchange
    from sallyport_doctor.observation import Observation


def _readable(answer: Exchange) -> bool:
    return answer.header("Access-Control-Allow-Origin") in {"*", BROWSER_ORIGIN}


def _listed(answer: Exchange, header: str) -> set[str]:
    return {v.strip().lower() for v in (answer.header(header) or "").split(",") if v.strip()}


def origin_refused(seen: Observation) -> str | None:
    """R10: a page's origin is turned away, which is a choice and shuts out browser clients."""
    answer, without = seen.cors.get("endpoint"), seen.mcp.get("initialize")
    if answer is None or without is None or answer.status != 403 or without.status == 403:
        return None
    return f"403 for Origin {BROWSER_ORIGIN}"


def cors_preflight_refused(seen: Observation) -> str | None:
    """F15: the question before the question is refused."""
    answer = seen.cors.get("preflight")
    if answer is None or answer.failure is not None or origin_refused(seen):
        return None
    return answer.summary() if not 200 <= answer.status < 300 or not _readable(answer) else None


def cors_headers_missing(seen: Observation) -> str | None:
    """F15: a header that clients send is not allowed."""
    answer = seen.cors.get("preflight")
    if answer is None or cors_preflight_refused(seen) or origin_refused(seen) or answer.failure is not None:
        return None
    allowed = _listed(answer, "Access-Control-Allow-Headers")
    # A star never stands for Authorization (Fetch standard).
    missing = [h for h in ASKED_HEADERS if h not in allowed and ("*" not in allowed or h == "authorization")]
    return ", ".join(missing) or None


def cors_answer_unreadable(seen: Observation) -> str | None:
    """F15: the preflight passes and the answer may still not be read."""
    answer = seen.cors.get("endpoint")
    if answer is None or answer.failure is not None or origin_refused(seen) or cors_preflight_refused(seen):
        return None
    return None if _readable(answer) else f"{answer.status} without Access-Control-Allow-Origin"


def cors_challenge_hidden(seen: Observation) -> str | None:
    """F15: a page cannot read where to sign in."""
    answer = seen.cors.get("endpoint")
    if answer is None or answer.status != 401 or not _readable(answer) or not answer.header("WWW-Authenticate"):
        return None
    exposed = _listed(answer, "Access-Control-Expose-Headers")
    return None if exposed & {"www-authenticate", "*"} else f"exposed: {', '.join(sorted(exposed)) or 'nothing'}"


def cors_metadata_unreadable(seen: Observation) -> str | None:
    """F15: a page cannot read the metadata."""
    names = ("resource metadata", "server metadata")
    hidden = [n for n in names if n in seen.cors and seen.cors[n].ok and not _readable(seen.cors[n])]
    return ", ".join(hidden) or None


def cors_endpoints_closed(seen: Observation) -> str | None:
    """F15: a page cannot register or fetch its token."""
    names = ("token_endpoint", "registration_endpoint")
    closed = [n for n in names if n in seen.cors and seen.cors[n].failure is None and not _passes(seen.cors[n])]
    return ", ".join(closed) or None


def cors_credentials_allowed(seen: Observation) -> str | None:
    """R9: any page may act with the person's cookies."""
    hit = [
        name
        for name, answer in seen.cors.items()
        if (answer.header("Access-Control-Allow-Credentials") or "").lower() == "true"
        and answer.header("Access-Control-Allow-Origin") == BROWSER_ORIGIN
    ]
    return ", ".join(hit) or None


def _passes(answer: Exchange) -> bool:
    allowed = _listed(answer, "Access-Control-Allow-Headers")
    return 200 <= answer.status < 300 and _readable(answer) and bool(allowed & {"content-type", "*"})
