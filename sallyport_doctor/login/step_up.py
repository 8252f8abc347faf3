"""Calls with insufficient scope, to examine the step-up challenge.

They change nothing on the server. A tool is called only if it declares scopes that the token lacks, and then without
its required arguments. If no tool does, a refresh requests one of several scopes (RFC 6749 section 6), and
`tools/list` is called with the resulting token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sallyport_doctor.evidence import strings
from sallyport_doctor.login_evidence import StepUpEvidence
from sallyport_doctor.mcp_requests import current_headers, current_request, legacy_headers, legacy_request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sallyport_doctor.http_exchange import HttpExchange
    from sallyport_doctor.http_probe import HttpProbe
    from sallyport_doctor.login.token_client import TokenClient

_NOT_RESOURCE_SCOPES = frozenset({"offline_access", "openid", "profile", "email"})


@dataclass(frozen=True, slots=True)
class ToolScopes:
    """A tool and the scopes that it declares."""

    name: str
    scopes: tuple[str, ...]


def find_tool_beyond(listing: HttpExchange | None, granted: tuple[str, ...]) -> ToolScopes | None:
    """The first tool that declares scopes beyond `granted` and has required arguments, so that a call has no effect."""
    result = (listing.document or {}).get("result") if listing is not None and listing.ok else None
    tools = result.get("tools") if isinstance(result, dict) else None
    for tool in tools if isinstance(tools, list) else ():
        name = tool.get("name") if isinstance(tool, dict) else None
        # The name is also sent in a header.
        if not isinstance(name, str) or not name.isascii() or not name.isprintable():
            continue
        schema, scopes = tool.get("inputSchema"), _scopes_beyond(tool, granted)
        if scopes and isinstance(schema, dict) and strings(schema.get("required")):
            return ToolScopes(name, scopes)
    return None


def _scopes_beyond(tool: Mapping[str, Any], granted: tuple[str, ...]) -> tuple[str, ...]:
    """The scopes of the tool's first security scheme if no scheme is satisfied; else empty."""
    schemes = tool.get("securitySchemes")
    declared = [s for s in schemes if isinstance(s, dict)] if isinstance(schemes, list) else []
    if not declared or any(s.get("type") != "oauth2" for s in declared):
        return ()
    alternatives = [strings(s.get("scopes")) for s in declared]
    return () if any(set(scopes) <= set(granted) for scopes in alternatives) else alternatives[0]


async def call_tool_beyond(
    http: HttpProbe,
    url: str,
    tool: ToolScopes,
    granted: tuple[str, ...],
    *,
    headers: Mapping[str, str],
    request: Callable[[str, dict[str, Any]], dict[str, Any]],
) -> StepUpEvidence:
    """Call the tool without arguments; the response should be a step-up challenge."""
    body = request("tools/call", {"name": tool.name, "arguments": {}})
    response = await http.request("POST", url, headers=headers, json=body)
    return StepUpEvidence(request=f"tools/call {tool.name}", required=tool.scopes, granted=granted, response=response)


async def call_with_narrowed_token(
    http: HttpProbe, url: str, client: TokenClient, granted: tuple[str, ...], *, current_revision: bool
) -> StepUpEvidence | None:
    """Refresh with the first of several scopes and call tools/list.

    None if the server does not narrow the scope, or lists with fewer scopes: then the call needed no more.
    """
    scopes = [scope for scope in granted if scope not in _NOT_RESOURCE_SCOPES]
    if len(scopes) < 2 or not client.refresh_token:
        return None
    narrowed = await client.refresh(client.refresh_token, scope=scopes[0])
    if not narrowed.ok or narrowed.scope is None or set(scopes) <= set(narrowed.scope.split()):
        return None
    headers, body = current_headers("tools/list"), current_request("tools/list")
    if not current_revision:
        headers, body = legacy_headers(initialized=True), legacy_request("tools/list")
    bearer = {"Authorization": f"Bearer {client.access_token}"}
    response = await http.request("POST", url, headers={**headers, **bearer}, json=body)
    step_up = StepUpEvidence(
        request="tools/list", required=tuple(scopes), granted=tuple(narrowed.scope.split()), response=response
    )
    return None if response.ok and not step_up.hides_challenge else step_up
