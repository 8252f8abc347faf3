"""The scope map of a server: one declaration for the guard, the metadata and the tool list.

Closed by default: an operation that the map does not name needs the default scopes; an operation is public only
if the map says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from mcp_service.guard.name_patterns import ambiguous
from shared.scopes import ScopeDescription, is_scope_token

PUBLIC: Final = "public"


def _spelled_out(value: Any) -> Any:
    """Expand a bare text: the description of a scope that implies no other."""
    return {"description": value} if isinstance(value, str) else value


def _as_list(value: Any) -> Any:
    """Make a list of a scope that is given without brackets; `public` stays as it is."""
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
    tools: dict[str, Needed] = Field(default_factory=dict, description="By tool name; * stands for any characters.")
    resources: dict[str, Needed] = Field(default_factory=dict, description="By URI; a final * matches any rest.")
    prompts: dict[str, Needed] = Field(default_factory=dict, description="By prompt name, with * as for tools.")

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
        for kind in ("tools", "prompts"):
            pair = ambiguous(getattr(self, kind))
            if pair is not None:
                raise ValueError(
                    f"{kind} {pair[0]!r} and {pair[1]!r} match a common name and fix equally many characters, so "
                    "neither applies before the other: make one longer, or give both the same scopes"
                )
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


TOKEN_ONLY: Final = ScopeMap(
    scopes={"mcp:tools": ScopeDescription(description="Use the tools of this server")}, default=("mcp:tools",)
)
"""For a server that declares nothing: one scope for everything."""
