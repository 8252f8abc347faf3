"""The headers of the request to the server: an allow-list of the client's, and the guard's own. Pure.

Invariant 14: no identity header of the client passes, in whatever spelling, because only the names listed here do. The
guard's own headers are added after the client's are filtered, so that `Connection` of the client cannot remove them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from multidict import CIMultiDict

from mcp_service.guard.errors import BadMessage
from mcp_service.guard.operation import HEADER_MISMATCH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from multidict import CIMultiDictProxy

SESSION_HEADER: Final = "Mcp-Session-Id"

_PASSED: Final = {
    name.lower(): name
    for name in (
        "Accept",
        "Content-Type",
        "MCP-Protocol-Version",
        "Mcp-Method",
        "Mcp-Name",
        SESSION_HEADER,
        "Last-Event-ID",
        "traceparent",
        "tracestate",
    )
}
_PARAMETER: Final = re.compile(r"mcp-param-[a-z0-9!#$%&'*+.^_`|~-]{1,64}")
"""Headers that mirror arguments of a tool (MCP 2026-07-28); intermediaries forward those that they do not know."""
MAX_PARAMETERS: Final = 32
MAX_PARAMETER_BYTES: Final = 8192
"""The limit of all such headers together."""

_VALUE: Final = re.compile(r"[\t -~]*")
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}(?:-[0-9a-f]{2,32}){3}")
"""W3C Trace Context section 3.2."""
_MAX_TRACESTATE: Final = 512


def passed_headers(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    """The client's headers that the server receives. Raises BadMessage for one that has two readings.

    `Accept` may be sent as several lines, which are joined (RFC 9110 section 5.3); every other header only once.
    """
    removed = {
        name.strip().lower() for value in headers.getall("Connection", ()) for name in value.split(",") if name.strip()
    }
    passed: CIMultiDict[str] = CIMultiDict()
    parameters = parameter_bytes = 0
    for name, value in headers.items():
        lower = name.lower()
        known = _PASSED.get(lower)
        if known is None:
            if _PARAMETER.fullmatch(lower) is None:
                continue
            known = name
            parameters += 1
            parameter_bytes += len(name) + len(value)
        if lower in removed:
            continue
        if _VALUE.fullmatch(value) is None:
            raise _refused(f"{known} has characters other than visible ASCII")
        if known not in passed:
            passed[known] = value
        elif known == "Accept":
            passed[known] = f"{passed[known]}, {value}"
        else:
            raise _refused(f"{known} is sent twice")
    if parameters > MAX_PARAMETERS or parameter_bytes > MAX_PARAMETER_BYTES:
        raise _refused(f"{parameters} Mcp-Param headers of {parameter_bytes} bytes")
    _check_trace(passed)
    # Absent, it allows everything (RFC 9110 section 12.5.1); servers take that for nothing, or demand both by name.
    passed.setdefault("Accept", "application/json, text/event-stream")
    return passed


def own_headers(
    *, host: str, request_id: str, address: str, resource_scheme: str, resource_host: str
) -> dict[str, str]:
    """The headers that the guard adds: the server's own name, and the origin of the request."""
    stated = {
        "Host": host,
        "X-Request-Id": request_id,
        "X-Forwarded-Proto": resource_scheme,
        "X-Forwarded-Host": resource_host,
    }
    return {**stated, "X-Forwarded-For": address} if address else stated


def _check_trace(passed: CIMultiDict[str]) -> None:
    """Drop a trace context that is malformed, as its specification demands."""
    if _TRACEPARENT.fullmatch(passed.get("traceparent", "")) is None:
        passed.popall("traceparent", None)
        passed.popall("tracestate", None)
    elif len(passed.get("tracestate", "")) > _MAX_TRACESTATE:
        del passed["tracestate"]


def _refused(reason: str) -> BadMessage:
    error = BadMessage(reason, error_id="header_form")
    error.rpc_code = HEADER_MISMATCH
    return error


def with_headers(passed: CIMultiDict[str], *added: Mapping[str, str]) -> CIMultiDict[str]:
    """The whole head of a request: the later of two equal names wins."""
    whole = passed.copy()
    for headers in added:
        whole.update(headers)
    return whole
