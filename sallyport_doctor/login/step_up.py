"""What a call gets whose token has too few scopes: the question that begins a step-up.

Nothing is done to the server. A tool is called only if it says itself that the token's scopes do not suffice, and
then without the arguments that it requires. Where no tool says so, a refresh asks for one scope of several
(RFC 6749 section 6) and `tools/list` is called with what comes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sallyport_doctor.login.seen import StepUpSeen
from sallyport_doctor.observation import strings
from sallyport_doctor.probes.wire import new_headers, new_request, old_headers, old_request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sallyport_doctor.asker import Asker
    from sallyport_doctor.exchange import Exchange
    from sallyport_doctor.login.tokens import TokenClient

_NOT_OF_RESOURCE = frozenset({"offline_access", "openid", "profile", "email"})


@dataclass(frozen=True, slots=True)
class Demand:
    """A tool and the scopes that it says it needs."""

    tool: str
    scopes: tuple[str, ...]


def demand_beyond(listing: Exchange | None, granted: tuple[str, ...]) -> Demand | None:
    """The first tool that says it needs more than what was granted, and that can do nothing without arguments."""
    result = (listing.document or {}).get("result") if listing is not None and listing.ok else None
    tools = result.get("tools") if isinstance(result, dict) else None
    for tool in tools if isinstance(tools, list) else ():
        name = tool.get("name") if isinstance(tool, dict) else None
        # The name goes into a header as well.
        if not isinstance(name, str) or not name.isascii() or not name.isprintable():
            continue
        schema, needed = tool.get("inputSchema"), _lacking(tool, granted)
        if needed and isinstance(schema, dict) and strings(schema.get("required")):
            return Demand(name, needed)
    return None


def _lacking(tool: Mapping[str, Any], granted: tuple[str, ...]) -> tuple[str, ...]:
    """What the tool asks for when no alternative of its is satisfied; empty otherwise."""
    schemes = tool.get("securitySchemes")
    ways = [w for w in schemes if isinstance(w, dict)] if isinstance(schemes, list) else []
    if not ways or any(w.get("type") != "oauth2" for w in ways):
        return ()
    wanted = [strings(w.get("scopes")) for w in ways]
    return () if any(set(scopes) <= set(granted) for scopes in wanted) else wanted[0]


async def call_beyond(
    asker: Asker,
    url: str,
    demand: Demand,
    granted: tuple[str, ...],
    *,
    headers: Mapping[str, str],
    request: Callable[[str, dict[str, Any]], dict[str, Any]],
) -> StepUpSeen:
    """Call the tool without arguments on the wire of `headers` and `request`; the answer should be a challenge."""
    body = request("tools/call", {"name": demand.tool, "arguments": {}})
    answer = await asker.ask("POST", url, headers=headers, json=body)
    return StepUpSeen(asked=f"tools/call {demand.tool}", needed=demand.scopes, granted=granted, answer=answer)


async def call_with_one_of(
    asker: Asker, url: str, client: TokenClient, granted: tuple[str, ...], *, new_wire: bool
) -> StepUpSeen | None:
    """Refresh for the first of several scopes, and list the tools with it; None where the server does not narrow."""
    wanted = [scope for scope in granted if scope not in _NOT_OF_RESOURCE]
    if len(wanted) < 2 or not client.refresh_token:
        return None
    narrowed = await client.refresh(client.refresh_token, scope=wanted[0])
    if not narrowed.ok or narrowed.scope is None or set(wanted) <= set(narrowed.scope.split()):
        return None
    headers, body = new_headers("tools/list"), new_request("tools/list")
    if not new_wire:
        headers, body = old_headers(initialized=True), old_request("tools/list")
    bearer = {"Authorization": f"Bearer {client.access_token}"}
    answer = await asker.ask("POST", url, headers={**headers, **bearer}, json=body)
    return StepUpSeen(asked="tools/list", needed=tuple(wanted), granted=tuple(narrowed.scope.split()), answer=answer)
