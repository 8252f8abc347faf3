"""Each scope in words, for the consent page. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from auth_service.resources.catalogue import OFFLINE_ACCESS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auth_service.resources.catalogue import ProtectedResource

_GENERAL: Final = {
    "openid": "Know who you are here (an identifier)",
    "profile": "See your name",
    "email": "See your e-mail address",
    OFFLINE_ACCESS: "Stay connected while you are away",
}


def words_for(scopes: Iterable[str], resource: ProtectedResource) -> tuple[tuple[str, str], ...]:
    """Pairs of a scope's name and what it allows, in order."""
    pairs = []
    for scope in scopes:
        described = resource.scopes.get(scope)
        pairs.append((scope, described.description if described else _GENERAL.get(scope, scope)))
    return tuple(pairs)
