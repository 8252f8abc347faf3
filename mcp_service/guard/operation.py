"""The operation of a request, read from its body and compared with its headers, and the scopes that it needs.

Pure. A header alone never decides a permission (MCP 2026-07-28): headers route, the body is executed.
The body is parsed strictly, so that the guard and the SDK cannot read two different requests from one body.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from mcp.shared.inbound import NAME_BEARING_METHODS, decode_header_value

from mcp_service.guard.name_patterns import NamePatterns
from mcp_service.guard.resource_uris import ResourceUris
from mcp_service.guard.scope_map import PUBLIC, ScopeMap
from shared.jose.strict_json import BadJson, parse_json
from shared.scopes import ScopeHierarchy

HEADER_MISMATCH: Final = -32020
PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600

_VERSION_IN_BODY: Final = "io.modelcontextprotocol/protocolVersion"

LIFECYCLE_METHODS: Final = frozenset({"initialize", "ping", "server/discover", "logging/setLevel"})
"""Methods that neither reveal nor change anything: a valid token is enough, whatever its scopes."""

DISCOVERY_METHODS: Final = LIFECYCLE_METHODS | {
    "tools/list",
    "resources/list",
    "resources/templates/list",
    "prompts/list",
}
"""Methods that need no token where anonymous access is allowed: a client can list before its user signs in."""

_Members = Mapping[str, tuple[str, type]]
"""Members that decide a permission: name and type, by what is left of their spelling (`_check_members`)."""

_MESSAGE: Final[_Members] = {name: (name, object) for name in ("jsonrpc", "id", "method", "params", "result", "error")}
_NAME: Final[_Members] = {"name": ("name", str)}
_URI: Final[_Members] = {"uri": ("uri", str)}
_REFERENCE: Final[_Members] = {**_NAME, **_URI}
_LISTENED: Final[_Members] = {"resourcesubscriptions": ("resourceSubscriptions", list)}
_PARAMS: Final[Mapping[str, _Members]] = {
    "tools/call": _NAME,
    "prompts/get": _NAME,
    "resources/read": _URI,
    "resources/subscribe": _URI,
    "resources/unsubscribe": _URI,
    "completion/complete": {"ref": ("ref", dict)},
    "subscriptions/listen": {"notifications": ("notifications", dict)},
}
_OTHER_MEMBERS: Final = frozenset({"arguments", "_meta"})
"""Members of nearly every message that decide nothing: their spelling is close to none of those above."""

RequestId = str | int | None


class BadOperation(Exception):
    """The request is malformed: 400. `rpc_code` is the JSON-RPC error code; the text is for the log."""

    def __init__(
        self, error_id: str, reason: str, *, rpc_code: int = INVALID_REQUEST, rpc_id: RequestId = None
    ) -> None:
        super().__init__(reason)
        self.error_id = error_id
        self.reason = reason
        self.rpc_code = rpc_code
        self.rpc_id = rpc_id


class Operation(NamedTuple):
    """A method, and the names of the tools, prompts and resources that it touches. A tuple: each message makes one."""

    method: str
    tools: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    is_notification: bool = False
    rpc_id: RequestId = None
    client_name: str | None = None
    message: Mapping[str, Any] | None = None
    """The message itself: what was judged is what may be executed. None for an operation that was not read."""

    def __repr__(self) -> str:
        """The representation without the message, whose arguments belong to the user."""
        return f"Operation({self.method!r})"


def read_operation(body: bytes, headers: Mapping[str, str]) -> Operation:
    """Read one JSON-RPC message. `headers` must find names in lower case; a repeated one is iterated as often.

    Raises BadOperation.
    """
    try:
        message = parse_json(body)
    except BadJson as exc:
        raise BadOperation("body_json", str(exc), rpc_code=PARSE_ERROR) from exc
    if not isinstance(message, dict):
        # Batches left the protocol with 2025-06-18; each element would need a decision of its own.
        raise BadOperation("body_single", "the body is not one JSON-RPC message")
    rpc_id = message.get("id")
    if isinstance(rpc_id, bool) or not isinstance(rpc_id, str | int | None):
        raise BadOperation("body_id", "the request id is neither text nor a number")
    _check_members(message, _MESSAGE, rpc_id)
    check_single_headers(headers, rpc_id)
    if "method" not in message and ("result" in message or "error" in message):
        return Operation("response", is_notification=True)
    method = message.get("method")
    params = message.get("params", {})
    if not isinstance(method, str) or not isinstance(params, dict | None):
        raise BadOperation("body_shape", "method or params have the wrong type", rpc_id=rpc_id)
    params = params or {}
    if method in _PARAMS:
        _check_members(params, _PARAMS[method], rpc_id)
        _check_members(params.get("ref"), _REFERENCE, rpc_id)
        _check_members(params.get("notifications"), _LISTENED, rpc_id)
    _check_headers(method, params, headers, rpc_id)
    tools, prompts, resources = _names(method, params)
    return Operation(
        method,
        tools=tools,
        prompts=prompts,
        resources=resources,
        # By its name and the missing id: another message without an id is checked like a request.
        is_notification="id" not in message and method.startswith("notifications/"),
        rpc_id=rpc_id,
        client_name=_client_name(method, params),
        message=message,
    )


def check_single_headers(headers: Mapping[str, str], rpc_id: RequestId = None) -> None:
    """Raises BadOperation for an `Mcp-*` header that is sent twice: servers differ in which of the two they read."""
    if len(set(map(str.lower, headers))) == len(headers):
        return  # no header at all is sent twice, as in most requests
    names = [lower for name, _ in headers.items() if (lower := name.lower()).startswith("mcp-")]
    if len(set(names)) < len(names):
        raise BadOperation("header_twice", "an Mcp header is sent twice", rpc_code=HEADER_MISMATCH, rpc_id=rpc_id)


def _check_members(members: Any, known: _Members, rpc_id: RequestId) -> None:
    """Refuse a member that some parsers take for a member which decides about the operation, and the guard does not.

    Parsers of Go match names in any case, or up to a NUL, and of several the last one wins (CVE-2026-27896,
    GHSA-q382-vc8q-7jhj); pydantic takes the name of a field for that of its member.
    """
    if not isinstance(members, dict):
        return
    for name, value in members.items():
        meant = known.get(name)
        if meant is None and name not in _OTHER_MEMBERS:
            meant = known.get("".join(filter(str.isalnum, name.casefold())))
        if meant is None:
            continue
        exact, kind = meant
        if name != exact:
            raise BadOperation("body_spelling", f"a member is spelled nearly as {exact}", rpc_id=rpc_id)
        if value is not None and not isinstance(value, kind):
            # JavaScript coerces a list of one element to its element.
            raise BadOperation("body_type", f"{name} has the wrong type", rpc_id=rpc_id)


def _check_headers(method: str, params: Mapping[str, Any], headers: Mapping[str, str], rpc_id: RequestId) -> None:
    """Mcp-* headers must equal the body wherever they are present (2026-07-28).

    A server may act on them, or choose the revision by one of the two: it must not read another request than the guard.
    """
    version, meta = headers.get("mcp-protocol-version"), params.get("_meta")
    if version is not None and isinstance(meta, dict) and meta.get(_VERSION_IN_BODY, version) != version:
        raise BadOperation(
            "header_version",
            "MCP-Protocol-Version is not the version in the body",
            rpc_code=HEADER_MISMATCH,
            rpc_id=rpc_id,
        )
    routed = headers.get("mcp-method")
    if routed is not None and routed != method:
        raise BadOperation(
            "header_method", "Mcp-Method is not the method of the body", rpc_code=HEADER_MISMATCH, rpc_id=rpc_id
        )
    key = NAME_BEARING_METHODS.get(method)
    name = headers.get("mcp-name")
    if key is not None and name is not None and decode_header_value(name) != params.get(key):
        raise BadOperation(
            "header_name", "Mcp-Name is not the name in the body", rpc_code=HEADER_MISMATCH, rpc_id=rpc_id
        )


def _names(method: str, params: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    name, uri, ref = params.get("name"), params.get("uri"), params.get("ref")
    match method:
        case "tools/call" if isinstance(name, str):
            return (name,), (), ()
        case "prompts/get" if isinstance(name, str):
            return (), (name,), ()
        case "resources/read" | "resources/subscribe" | "resources/unsubscribe" if isinstance(uri, str):
            return (), (), (uri,)
        case "completion/complete" if isinstance(ref, dict):
            prompts = (ref["name"],) if isinstance(ref.get("name"), str) else ()
            resources = (ref["uri"],) if isinstance(ref.get("uri"), str) else ()
            return (), prompts, resources
        case "subscriptions/listen":
            return (), (), _listened(params)
        case _:
            return (), (), ()


def _listened(params: Mapping[str, Any]) -> tuple[str, ...]:
    wanted = params.get("notifications")
    uris = wanted.get("resourceSubscriptions") if isinstance(wanted, dict) else None
    return tuple(u for u in uris if isinstance(u, str)) if isinstance(uris, list) else ()


def _client_name(method: str, params: Mapping[str, Any]) -> str | None:
    """The name that the client gives itself: a hint for the form of a response, never for a permission."""
    meta = params.get("_meta")
    info = params.get("clientInfo") if method == "initialize" else None
    if isinstance(meta, dict):
        info = meta.get("io.modelcontextprotocol/clientInfo", info)
    name = info.get("name") if isinstance(info, dict) else None
    return name if isinstance(name, str) else None


class ScopeRules:
    """Answers questions about one scope map."""

    def __init__(self, declared: ScopeMap, *, allow_anonymous: bool = False) -> None:
        """Without `allow_anonymous` nothing is public, whatever the map says: the setting decides."""
        self.declared = declared
        self.default = declared.default
        self.requested_first = declared.requested_first
        self.allow_anonymous = allow_anonymous
        # Few combinations are ever granted, and only those of verified tokens are looked up.
        self.effective: Callable[[tuple[str, ...]], frozenset[str]] = lru_cache(256)(
            ScopeHierarchy({name: d.implies for name, d in declared.scopes.items()}).effective
        )
        """The granted scopes and all that they imply."""
        self._in_order = lru_cache(256)(self._find_in_order)
        self._tools = NamePatterns(declared.tools)
        self._prompts = NamePatterns(declared.prompts)
        self._resources = ResourceUris(
            declared.resources, default=self.default, everything=tuple(declared.scopes) or self.default
        )

    def is_public(self, operation: Operation) -> bool:
        """Whether the operation needs no token."""
        if not self.allow_anonymous:
            return False
        if operation.method in DISCOVERY_METHODS or operation.is_notification:
            return True
        needed = self._needed(operation)
        return bool(needed) and all(n == PUBLIC for n in needed)

    def is_public_tool(self, name: str) -> bool:
        """Whether calling this tool needs no token."""
        return self.is_public(_call(name))

    def required(self, operation: Operation) -> tuple[str, ...]:
        """All scopes that the operation needs, in the order declared."""
        if operation.method in LIFECYCLE_METHODS or operation.is_notification:
            return ()
        return self._in_order(self._needed(operation) or frozenset({self.default}))

    def tool(self, name: str) -> tuple[str, ...]:
        """The scopes that calling this tool needs."""
        return self.required(_call(name))

    def declares_tool(self, name: str) -> bool:
        """Whether the map names this tool, exactly or by a pattern that is not a bare `*`."""
        return name in self.declared.tools or self._tools.names(name)

    def covers(self, granted: tuple[str, ...], required: Iterable[str]) -> bool:
        """Whether the granted scopes cover all required ones (MCP: hierarchies MUST be honoured)."""
        return self.effective(granted).issuperset(required)

    def _find_in_order(self, found: frozenset[tuple[str, ...] | str]) -> tuple[str, ...]:
        """The scopes of these entries of the map, in the order declared. Few combinations of entries are in use."""
        scopes = {scope for needed in found if needed != PUBLIC for scope in needed}
        return tuple(s for s in self.declared.scopes if s in scopes)

    def _needed(self, operation: Operation) -> frozenset[tuple[str, ...] | str]:
        # A pattern is looked for only where no name is listed exactly.
        tools, prompts = self.declared.tools, self.declared.prompts
        found: set[tuple[str, ...] | str] = set()
        for name in operation.tools:
            found.add(tools[name] if name in tools else self._tools.find(name, self.default))
        for name in operation.prompts:
            found.add(prompts[name] if name in prompts else self._prompts.find(name, self.default))
        for uri in operation.resources:
            found.add(self._resources.find(uri))
        return frozenset(found)


def _call(tool: str) -> Operation:
    return Operation("tools/call", tools=(tool,))
