"""Calling the MCP endpoint with a token, on both wires."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

from sallyport_doctor.login.step_up import call_beyond, demand_beyond
from sallyport_doctor.probes.wire import initialize, new_headers, new_request, old_headers, old_request

if TYPE_CHECKING:
    from sallyport_doctor.asker import Asker
    from sallyport_doctor.exchange import Exchange
    from sallyport_doctor.login.seen import StepUpSeen

UNKNOWN_METHOD: Final = "doctor/unknown"


async def call_on_both_wires(
    asker: Asker, url: str, access_token: str, *, granted: tuple[str, ...]
) -> tuple[dict[str, Exchange], StepUpSeen | None]:
    """server/discover and tools/list on the new wire, initialize and tools/list on the old, and an unknown method.

    With them what a call gets that needs more than was `granted`, where a tool says that it does.
    """
    bearer = {"Authorization": f"Bearer {access_token}"}
    seen = {
        name: await asker.ask("POST", url, headers={**new_headers(name), **bearer}, json=new_request(name))
        for name in ("server/discover", "tools/list", UNKNOWN_METHOD)
    }
    opening = await asker.ask("POST", url, headers={**old_headers(), **bearer}, json=initialize())
    seen["initialize"] = opening
    headers = {**old_headers(initialized=True), **bearer}
    session = opening.header("Mcp-Session-Id")
    if session:
        headers["Mcp-Session-Id"] = session
        notice = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        await asker.ask("POST", url, headers=headers, json=notice)
    seen["old tools/list"] = await asker.ask("POST", url, headers=headers, json=old_request("tools/list"))
    step_up = await _step_up(asker, url, seen, granted, bearer=bearer, old=headers)
    if session:
        await asker.ask("DELETE", url, headers=headers)
    for name, forged in forgeries(access_token).items():
        headers = {**old_headers(initialized=True), "Authorization": f"Bearer {forged}"}
        seen[name] = await asker.ask("POST", url, headers=headers, json=old_request("tools/list"))
    return seen, step_up


async def _step_up(
    asker: Asker,
    url: str,
    seen: dict[str, Exchange],
    granted: tuple[str, ...],
    *,
    bearer: dict[str, str],
    old: dict[str, str],
) -> StepUpSeen | None:
    """On the wire on which the tools were listed; `old` are the headers of the session that is open on the older."""
    demand = demand_beyond(seen["tools/list"], granted)
    if demand is not None:
        headers = {**new_headers("tools/call"), "Mcp-Name": demand.tool, **bearer}
        return await call_beyond(asker, url, demand, granted, headers=headers, request=new_request)
    demand = demand_beyond(seen["old tools/list"], granted)
    if demand is not None:
        return await call_beyond(asker, url, demand, granted, headers=old, request=old_request)
    return None


def forgeries(access_token: str) -> dict[str, str]:
    """The token with a byte of its signature changed, and without a signature: worthless to whoever verifies."""
    parts = access_token.split(".")
    if len(parts) != 3 or len(parts[2]) < 8:
        return {}
    middle = len(parts[2]) // 2
    changed = "A" if parts[2][middle] != "A" else "B"
    tampered = ".".join([*parts[:2], parts[2][:middle] + changed + parts[2][middle + 1 :]])
    header = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').rstrip(b"=").decode()
    return {"tampered": tampered, "unsigned": f"{header}.{parts[1]}."}
