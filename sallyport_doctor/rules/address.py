"""Rules for the URL of the MCP endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sallyport_doctor.addresses import join, split

if TYPE_CHECKING:
    from sallyport_doctor.evidence import Evidence
    from sallyport_doctor.http_exchange import HttpExchange


def mcp_redirected(evidence: Evidence) -> str | None:
    response = evidence.unauthenticated_response
    if response is None or not response.is_redirect or _leads_elsewhere(response) or response.redirects_to_sign_in:
        return None
    return f"{response.status} to {response.redirect_target}"


def mcp_redirected_to_other_host(evidence: Evidence) -> str | None:
    response = evidence.unauthenticated_response
    if response is None or not response.is_redirect or not _leads_elsewhere(response) or response.redirects_to_sign_in:
        return None
    return f"{response.status} to {response.redirect_target}"


def mcp_at_other_url(evidence: Evidence) -> str | None:
    response, found = evidence.unauthenticated_response, evidence.endpoint_elsewhere
    if response is None or found is None:
        return None
    named = found == (evidence.prm or {}).get("resource")
    return f"{response.summary()}; an MCP server responds at {found}{', which the metadata names' if named else ''}"


def no_mcp_server(evidence: Evidence) -> str | None:
    response = evidence.unauthenticated_response
    if response is None or not evidence.no_endpoint or evidence.endpoint_elsewhere is not None:
        return None
    if evidence.named_by_metadata:
        return None  # mcp-not-found or challenge-wrong-status applies
    issuer = "; there is an authorization server on this host" if evidence.metadata is not None else ""
    return f"{response.summary()}{issuer}"


def mcp_not_found(evidence: Evidence) -> str | None:
    response = evidence.unauthenticated_response
    if response is None or response.status != 404:
        return None
    return "404 for tools/list without a token"


def mcp_server_error(evidence: Evidence) -> str | None:
    broken = [f"{n}: {e.status}" for n, e in evidence.mcp.items() if e.status >= 500 and n != "slash variant"]
    return ", ".join(broken) or None


def host_rejected(evidence: Evidence) -> str | None:
    response = evidence.unauthenticated_response
    return "421 Misdirected Request" if response is not None and response.status == 421 else None


def origin_required(evidence: Evidence) -> str | None:
    return "403 without an Origin header, accepted with one" if evidence.accepts_with_origin else None


def slash_variant_redirected(evidence: Evidence) -> str | None:
    response = evidence.mcp.get("slash variant")
    if response is None or not response.is_redirect or response.redirects_to_sign_in:
        return None
    return response.summary()


def slash_variant_missing(evidence: Evidence) -> str | None:
    response, without = evidence.mcp.get("slash variant"), evidence.unauthenticated_response
    if response is None or without is None or without.status == response.status:
        return None
    return response.summary() if response.status in {404, 405} else None


def _leads_elsewhere(response: HttpExchange) -> bool:
    return split(join(response.url, response.location)).hostname != split(response.url).hostname
