"""The scopes that each operation needs: one declarative map for the guard, the metadata and the tool list.

Pure. Closed by default: an operation that the map does not name needs the default scopes; an operation is public only
if the map says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from mcp_service.guard.operation import Operation
from shared.scopes import ScopeDescription, ScopeHierarchy, is_scope_token

PUBLIC: Final = "public"

LIFECYCLE_METHODS: Final = frozenset({"initialize", "ping", "server/discover", "logging/setLevel"})
"""Methods that neither reveal nor change anything: a valid token is enough, whatever its scopes."""

DISCOVERY_METHODS: Final = LIFECYCLE_METHODS | {
    "tools/list",
    "resources/list",
    "resources/templates/list",
    "prompts/list",
}
"""Methods that need no token where anonymous access is allowed: a client can list before its user signs in."""


def _spelled_out(value: Any) -> Any:
    """A bare text is the description of a scope that implies no other."""
    return {"description": value} if isinstance(value, str) else value


def _as_list(value: Any) -> Any:
    """One scope may stand without brackets; `public` stands alone."""
    return [value] if isinstance(value, str) and value != PUBLIC else value


Needed = Annotated[tuple[str, ...] | Literal["public"], BeforeValidator(_as_list)]


class ScopeMap(BaseModel):
    """The declaration of a server. A plain dict of the same shape is accepted: `ScopeMap.model_validate(the_dict)`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scopes: dict[str, Annotated[ScopeDescription, BeforeValidator(_spelled_out)]] = Field(
        default_factory=dict, description="Every scope of this server, in words."
    )
    default: tuple[str, ...] = Field((), description="The scopes of an operation that is named nowhere else.")
    initial: tuple[str, ...] = Field(
        (), description="The scopes that a client requests when it first connects: `default` unless they are named."
    )
    tools: dict[str, Needed] = Field(default_factory=dict, description="By tool name.")
    resources: dict[str, Needed] = Field(default_factory=dict, description="By URI; a final * matches any rest.")
    prompts: dict[str, Needed] = Field(default_factory=dict, description="By prompt name.")

    @field_validator("default", "initial", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        return _as_list(value)

    @model_validator(mode="after")
    def _consistent(self) -> ScopeMap:
        for scope, described in self.scopes.items():
            if not is_scope_token(scope):
                raise ValueError(f"{scope!r} is not a scope: RFC 6749 allows visible ASCII without quotes")
            self._known(described.implies, f"scope {scope!r}")
        self._known(self.default, "default")
        self._known(self.initial, "initial")
        for kind in ("tools", "resources", "prompts"):
            for name, needed in getattr(self, kind).items():
                if needed != PUBLIC:
                    self._known(needed, f"{kind} {name!r}")
        return self

    def _known(self, scopes: Iterable[str], where: str) -> None:
        for scope in scopes:
            if scope not in self.scopes:
                raise ValueError(f"{where} names {scope!r}, which is not among the scopes")

    @property
    def requested_first(self) -> tuple[str, ...]:
        """The scopes of the challenge without a token, and of the metadata (interop.md R5)."""
        return self.initial or self.default

    @property
    def has_public(self) -> bool:
        """Whether anything is declared public."""
        return any(PUBLIC in kind.values() for kind in (self.tools, self.resources, self.prompts))


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
        self._exact = {k: v for k, v in declared.resources.items() if not k.endswith("*")}
        # The longest pattern is the most specific one.
        self._patterns = sorted(
            ((k[:-1], v) for k, v in declared.resources.items() if k.endswith("*")), key=lambda p: -len(p[0])
        )

    def is_public(self, operation: Operation) -> bool:
        """Whether the operation needs no token."""
        if not self.allow_anonymous:
            return False
        if operation.method in DISCOVERY_METHODS or operation.is_notification:
            return True
        needed = list(self._needed(operation))
        return bool(needed) and all(n == PUBLIC for n in needed)

    def is_public_tool(self, name: str) -> bool:
        """Whether calling this tool needs no token."""
        return self.is_public(_call(name))

    def required(self, operation: Operation) -> tuple[str, ...]:
        """All scopes that the operation needs, in the order declared."""
        if operation.method in LIFECYCLE_METHODS or operation.is_notification:
            return ()
        found = list(self._needed(operation)) or [self.default]
        scopes = {scope for needed in found if needed != PUBLIC for scope in needed}
        return tuple(s for s in self.declared.scopes if s in scopes)

    def tool(self, name: str) -> tuple[str, ...]:
        """The scopes that calling this tool needs."""
        return self.required(_call(name))

    def covers(self, granted: tuple[str, ...], required: Iterable[str]) -> bool:
        """Whether the granted scopes cover all required ones (MCP: hierarchies MUST be honoured)."""
        return self.effective(granted).issuperset(required)

    def _needed(self, operation: Operation) -> Iterator[tuple[str, ...] | str]:
        for name in operation.tools:
            yield self.declared.tools.get(name, self.default)
        for name in operation.prompts:
            yield self.declared.prompts.get(name, self.default)
        for uri in operation.resources:
            yield self._resource(uri)

    def _resource(self, uri: str) -> tuple[str, ...] | str:
        if uri in self._exact:
            return self._exact[uri]
        if _has_two_readings(uri):
            # Two resolvers may read such a URI differently: it needs every scope of the server.
            return tuple(self.declared.scopes) or self.default
        return next((needed for prefix, needed in self._patterns if uri.startswith(prefix)), self.default)


def _call(tool: str) -> Operation:
    return Operation("tools/call", tools=(tool,))


def _has_two_readings(uri: str) -> bool:
    return ".." in uri or "%" in uri or "\\" in uri or not uri.isprintable()


TOKEN_ONLY: Final = ScopeMap(
    scopes={"mcp:tools": ScopeDescription(description="Use the tools of this server")}, default=("mcp:tools",)
)
"""For a server that declares nothing: one scope for everything."""
