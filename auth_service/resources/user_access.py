"""The access of a user to a resource: the scopes, and the claims that its access tokens have. Pure.

A user without an identity signed in with a password: no requirement of a scope is met.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from auth_service.texts import Text, message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auth_service.federation.identity import Identity
    from auth_service.resources.catalogue import ProtectedResource

MAX_CLAIMS_BYTES: Final = 4096
"""The maximum bytes of all claims about the user in a token, as JSON: it goes into an HTTP header of 8 kB."""
MAX_MEMBERS: Final = 100
"""The maximum members of a list in a claim."""
LEFT_OUT: Final = "claims_left_out"
"""The claim that names the claims for which there was no room."""

_DESCRIPTIONS: Final = {
    "email": message("your e-mail address"),
    "name": message("your name"),
    "preferred_username": message("your username"),
    "groups": message("your groups"),
    "organizations": message("your organisations"),
    "teams": message("your teams"),
    "domain": message("the domain of your organisation"),
}


def scopes_of(resource: ProtectedResource, scopes: Iterable[str], identity: Identity | None) -> tuple[str, ...]:
    """The members of `scopes` that the user may have (invariant 15).

    A scope needs what it requires itself and what every scope that it implies requires. Where the provider left groups
    out, a group that it did not name is no group of the user.
    """
    required = {name: s.requires for name, s in resource.scopes.items() if s.requires is not None}
    if not required:
        return tuple(scopes)
    unmet = {name for name, condition in required.items() if identity is None or not condition.match(identity)}
    hierarchy = resource.hierarchy()
    return tuple(s for s in scopes if unmet.isdisjoint(hierarchy.effective((s,))))


@dataclass(frozen=True, slots=True)
class KnownUser:
    """The facts about a user: from the identity of the sign-in, or after a password from the account."""

    username: str
    name: str | None
    email: str | None
    email_verified: bool
    identity: Identity | None = None


def claims_of(resource: ProtectedResource, user: KnownUser, *, granted: Container[str]) -> dict[str, Any]:
    """The known claims that the resource names and the grant holds, within MAX_CLAIMS_BYTES (invariant 15).

    `email` comes with `email_verified`. A list has at most MAX_MEMBERS members; if the provider or this limit left some
    out, `<claim>_complete` is false. A claim for which no room is left, or that JSON cannot hold,
    is named in `claims_left_out`.
    """
    told: dict[str, Any] = {}
    left_out: list[str] = []
    for name in (name for name in resource.claims if name in granted):
        found = _claim(name, user)
        if _fits(told | found):
            told |= found
        else:
            left_out.append(name)
    return told | {LEFT_OUT: left_out} if left_out else told


def describe_claims(claims: Iterable[str]) -> tuple[Text, ...]:
    """The claims in words for pages; a claim without a description appears by its name."""
    return tuple(_DESCRIPTIONS.get(name) or message("“%(name)s”", name=name) for name in claims)


def _claim(name: str, user: KnownUser) -> dict[str, Any]:
    identity = user.identity
    if name == "email":
        return {"email": user.email, "email_verified": user.email_verified} if user.email else {}
    if name in {"groups", "organizations", "teams"}:
        return {} if identity is None else _list(name, getattr(identity, name), complete=identity.groups_complete)
    value: Any
    match name:
        case "name":
            value = user.name
        case "preferred_username":
            value = user.username
        case "domain":
            value = identity and identity.domain
        case _:
            value = None if identity is None else identity.claims.get(name)
    if isinstance(value, list):
        return _list(name, value, complete=True)
    return {} if value is None else {name: value}


def _list(name: str, members: Iterable[Any], *, complete: bool) -> dict[str, Any]:
    known = list(members)
    if complete and len(known) <= MAX_MEMBERS:
        return {name: known}
    return {name: known[:MAX_MEMBERS], f"{name}_complete": False}


def _fits(claims: Mapping[str, Any]) -> bool:
    try:
        return len(json.dumps(claims, ensure_ascii=False, allow_nan=False).encode()) <= MAX_CLAIMS_BYTES
    except ValueError:  # half a surrogate pair, or a number that JSON does not have
        return False
