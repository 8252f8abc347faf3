"""Is the endpoint there, under the address that people paste (reference: R10, R12, F11, section 11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sallyport_doctor.addresses import join, split

if TYPE_CHECKING:
    from sallyport_doctor.exchange import Exchange
    from sallyport_doctor.observation import Observation


def mcp_redirected(seen: Observation) -> str | None:
    """R12: the endpoint itself answers with a redirect."""
    answer = seen.challenge_answer
    if answer is None or not answer.is_redirect or _leads_elsewhere(answer) or answer.leads_to_sign_in:
        return None
    return f"{answer.status} to {answer.leads_to}"


def mcp_redirected_to_other_host(seen: Observation) -> str | None:
    """R12: a redirect to another host, on which clients drop the token."""
    answer = seen.challenge_answer
    if answer is None or not answer.is_redirect or not _leads_elsewhere(answer) or answer.leads_to_sign_in:
        return None
    return f"{answer.status} to {answer.leads_to}"


def mcp_not_found(seen: Observation) -> str | None:
    """There is no endpoint at this address."""
    answer = seen.challenge_answer
    if answer is None or answer.status != 404:
        return None
    return "404 for tools/list and nothing that asks for a token"


def mcp_server_error(seen: Observation) -> str | None:
    """F11: the endpoint breaks on an opening question."""
    broken = [f"{n}: {e.status}" for n, e in seen.mcp.items() if e.status >= 500 and n != "other slash"]
    return ", ".join(broken) or None


def host_refused(seen: Observation) -> str | None:
    """Section 11: the SDK's host check does not know the public name."""
    answer = seen.challenge_answer
    return "421 Misdirected Request" if answer is not None and answer.status == 421 else None


def origin_demanded(seen: Observation) -> str | None:
    """R10: a request without Origin is refused, one with it is not."""
    return "403 without an Origin header, another answer with one" if seen.origin_helps else None


def other_slash_redirected(seen: Observation) -> str | None:
    """R12: the same address with or without the final slash redirects."""
    answer = seen.mcp.get("other slash")
    if answer is None or not answer.is_redirect or answer.leads_to_sign_in:
        return None
    return answer.summary()


def other_slash_missing(seen: Observation) -> str | None:
    """R12: the same address with or without the final slash is not there."""
    answer, without = seen.mcp.get("other slash"), seen.challenge_answer
    if answer is None or without is None or without.status == answer.status:
        return None
    return answer.summary() if answer.status in {404, 405} else None


def _leads_elsewhere(answer: Exchange) -> bool:
    return split(join(answer.url, answer.location)).hostname != split(answer.url).hostname
