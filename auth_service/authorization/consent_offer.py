"""The scopes and claims on the consent page: new scopes with or without a checkbox, scopes already held, claims."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auth_service.pages.consent_views import ClaimView
from auth_service.pages.views import ScopeView
from auth_service.resources.catalogue import describe_scopes
from auth_service.resources.choice import optional_scopes, required_scopes
from auth_service.resources.user_access import describe_claims

if TYPE_CHECKING:
    from auth_service.grants.grant import Grant
    from auth_service.resources.catalogue import ProtectedResource
    from auth_service.resources.choice import Choice


@dataclass(frozen=True, slots=True)
class ConsentOffer:
    """The scopes and claims of the consent page, by how the user can decide about each."""

    new: tuple[ScopeView, ...]
    held: tuple[ScopeView, ...]
    claims: tuple[ClaimView, ...]
    kept: tuple[str, ...]
    """Scopes held already, which the form posts without a checkbox."""


def offer_of(
    resource: ProtectedResource, available: Sequence[str], grants: Sequence[Grant], *, returned: Choice | None
) -> ConsentOffer:
    """The offer for a request.

    `grants` are those of the same user, client and resource; `returned` is the choice of a form that left nothing.
    A claim that was asked for before is ticked if one of the grants holds it.
    """
    hierarchy = resource.hierarchy()
    held = hierarchy.effective(s for grant in grants for s in grant.scopes)
    optional = optional_scopes(resource, available, held)
    required = required_scopes(resource, available)

    def described(scopes: Iterable[str]) -> tuple[ScopeView, ...]:
        return tuple(
            ScopeView(
                name,
                text,
                required=name not in optional,
                ticked=returned is None or name in returned.scopes,
                includes=_implied(resource, name),
            )
            for name, text in describe_scopes(scopes, resource)
        )

    names = tuple(c for c in resource.claims if c not in resource.required_claims)
    if returned is not None:
        ticked = set(returned.claims)
    elif grants:
        ticked = {c for grant in grants for c in grant.claims}
    else:
        ticked = set(names)
    return ConsentOffer(
        new=described(s for s in available if s not in held),
        held=described(s for s in available if s in held),
        claims=tuple(
            ClaimView(name, text, ticked=name in ticked)
            for name, text in zip(names, describe_claims(names), strict=True)
        ),
        kept=tuple(s for s in available if s not in optional and s not in required),
    )


def _implied(resource: ProtectedResource, scope: str) -> tuple[str, ...]:
    """The descriptions of all scopes that a scope implies, directly or not, in the order declared."""
    covered = resource.hierarchy().effective((scope,)) - {scope}
    return tuple(text for _, text in describe_scopes((s for s in resource.scopes if s in covered), resource))
