"""The choice of a user who allows a request: which scopes and claims can be left out, and which a form keeps.

Pure. `openid` and `offline_access` are no choice: `openid` gives an identifier only, which every access token has, and
a refresh token is issued whether `offline_access` is requested or not (interop.md A10).
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from auth_service.resources.catalogue import OFFLINE_ACCESS

if TYPE_CHECKING:
    from auth_service.resources.catalogue import ProtectedResource

_NEVER_A_CHOICE: Final = ("openid", OFFLINE_ACCESS)


@dataclass(frozen=True, slots=True)
class Choice:
    """The scopes and claims that the user kept of a request: those of its grant."""

    scopes: tuple[str, ...]
    claims: tuple[str, ...]
    """The claims about the user that access tokens may have."""


def declared_required(resource: ProtectedResource, scopes: Iterable[str]) -> tuple[str, ...]:
    """The members of `scopes` that the resource declares as required."""
    return tuple(s for s in scopes if s in resource.scopes and resource.scopes[s].required)


def required_scopes(resource: ProtectedResource, scopes: Iterable[str]) -> tuple[str, ...]:
    """The members of `scopes` that a user cannot leave out: the required ones, and what they imply.

    The only scope of the resource in a request is one of them: to refuse it, the user denies the request.
    """
    asked = tuple(scopes)
    of_resource = tuple(s for s in asked if s in resource.scopes)
    required = of_resource if len(of_resource) == 1 else declared_required(resource, of_resource)
    kept = resource.hierarchy().effective((*_NEVER_A_CHOICE, *required))
    return tuple(s for s in asked if s in kept)


def choose(
    resource: ProtectedResource,
    available: Iterable[str],
    *,
    unverified_scopes: Iterable[str],
    unverified_claims: Container[str],
) -> Choice:
    """The available scopes and the claims of the resource that a form keeps (invariant 15).

    A scope that a chosen one implies is part of it. Names that are not available are ignored.
    """
    asked = tuple(available)
    chosen = (*required_scopes(resource, asked), *(s for s in unverified_scopes if s in asked))
    effective = resource.hierarchy().effective(chosen)
    return Choice(
        scopes=tuple(s for s in asked if s in effective),
        claims=tuple(c for c in resource.claims if c in resource.required_claims or c in unverified_claims),
    )


def leaves_nothing(resource: ProtectedResource, available: Iterable[str], choice: Choice) -> bool:
    """Whether the choice keeps none of the grantable scopes of the resource, so that a token would allow nothing."""
    return any(s in resource.scopes for s in available) and not any(s in resource.scopes for s in choice.scopes)


def optional_scopes(resource: ProtectedResource, available: Iterable[str], held: Container[str]) -> tuple[str, ...]:
    """The scopes that have a checkbox: those that can be left out and that the client does not hold yet."""
    asked = tuple(available)
    required = required_scopes(resource, asked)
    return tuple(s for s in asked if s not in held and s not in required)
