"""Compares the scopes that a resource server requires with those that its authorization server can grant.

Pure. A scope that only the resource knows can be granted to no client; one that only the authorization server knows is
consented to and has no effect. Descriptions are texts for users and may differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.scopes import ScopeHierarchy, is_scope_token

RESOURCE_SCOPES: Final = "sallyport_scopes"
"""The member of protected resource metadata with every scope of the resource and the scopes that it implies.

RFC 9728 section 2 permits further members. `scopes_supported` names only the scopes to request first (interop.md R5).
"""

MAX_SCOPES: Final = 100
"""The limit of a published declaration, and of what one scope implies: the time of a comparison grows with the cube."""

_MAX_NAMED: Final = 20

Implied = Mapping[str, Iterable[str]]
"""Scopes, each with those that it directly implies."""


@dataclass(frozen=True, slots=True)
class ScopeDifference:
    """Scopes in the order of their declaration; all empty if both sides agree."""

    unknown_to_issuer: tuple[str, ...] = ()
    unknown_to_resource: tuple[str, ...] = ()
    implied_differently: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.unknown_to_issuer or self.unknown_to_resource or self.implied_differently)

    def sentences(self) -> tuple[str, ...]:
        """Sentences for the operator, one for each kind of difference."""
        found = []
        if self.unknown_to_issuer:
            found.append(
                f"the resource requires {_named(self.unknown_to_issuer)}, which the authorization server does not "
                "know: no client can get it"
            )
        if self.unknown_to_resource:
            found.append(
                f"the authorization server grants {_named(self.unknown_to_resource)}, which the resource does not "
                "know: it has no effect"
            )
        if self.implied_differently:
            found.append(f"{_named(self.implied_differently)} implies other scopes on one side than on the other")
        return tuple(found)


def compare_scopes(*, resource: Implied, issuer: Implied) -> ScopeDifference:
    """Compare two full declarations."""
    here, there = ScopeHierarchy(resource), ScopeHierarchy(issuer)
    return ScopeDifference(
        unknown_to_issuer=tuple(s for s in resource if s not in issuer),
        unknown_to_resource=tuple(s for s in issuer if s not in resource),
        implied_differently=tuple(s for s in resource if s in issuer and here.effective([s]) != there.effective([s])),
    )


def published_scopes(scopes: Implied) -> dict[str, list[str]]:
    """The value of RESOURCE_SCOPES."""
    return {scope: list(implied) for scope, implied in scopes.items()}


def unverified_published_scopes(metadata: Mapping[str, Any]) -> Implied | None:
    """The scopes in a protected resource metadata document; None if it has no well-formed RESOURCE_SCOPES.

    What is returned is bounded, and its names are scope tokens: they may be shown to the operator.
    """
    found = metadata.get(RESOURCE_SCOPES)
    if not isinstance(found, dict) or not _are_scopes(list(found)):
        return None
    return found if all(_are_scopes(implied) for implied in found.values()) else None


def scope_tokens(unverified: list[Any]) -> tuple[str, ...]:
    """The members of a list that are scope tokens, MAX_SCOPES at most."""
    return tuple(s for s in unverified[:MAX_SCOPES] if isinstance(s, str) and is_scope_token(s))


def _are_scopes(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= MAX_SCOPES and len(scope_tokens(value)) == len(value)


def _named(scopes: tuple[str, ...]) -> str:
    more = len(scopes) - _MAX_NAMED
    return " ".join(s[:60] for s in scopes[:_MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
