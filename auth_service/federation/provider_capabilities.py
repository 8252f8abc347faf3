"""The facts about a user that a provider can state, as far as its configuration tells. Pure.

A rule on a fact that no provider can state is accepted, but never met.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from auth_service.federation.configuration import ExternalProvider, GitHubProvider, OidcProvider
from auth_service.federation.external.claims import READ_HERE
from auth_service.federation.github.provider import reads_memberships
from auth_service.federation.oidc.identity_mapping import NEVER_A_CLAIM
from auth_service.federation.oidc.presets import preset_of, profile_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auth_service.federation.access_rules import IdentityConditions
    from auth_service.federation.configuration import ProviderConfiguration
    from auth_service.federation.oidc.presets import ProviderProfile

_SCOPE_CLAIMS: Final = {
    "profile": frozenset(
        [
            "birthdate",
            "family_name",
            "gender",
            "given_name",
            "locale",
            "middle_name",
            "name",
            "nickname",
            "picture",
            "preferred_username",
            "profile",
            "updated_at",
            "website",
            "zoneinfo",
        ]
    ),
    "address": frozenset(["address"]),
    "phone": frozenset(["phone_number", "phone_number_verified"]),
}
"""The claims of each scope (OpenID Connect Core section 5.4); `email` is no further claim."""

ADDRESS: Final = "email"
"""An address, verified or not."""
VERIFIED_ADDRESS: Final = "emails"
VERIFIED_DOMAIN: Final = "domains"
"""The verified domain of an organisation, or that of a verified address."""
ORGANISATION_DOMAIN: Final = "domain"
MEMBERSHIPS: Final = ("groups", "organizations", "teams")


def named_in(conditions: IdentityConditions) -> Iterator[tuple[str, str]]:
    """The facts that conditions name, each with a name for the operator: `("groups", "groups")`.

    A claim is `("claims.plan", "the claim 'plan'")`.
    """
    for member in (*MEMBERSHIPS, VERIFIED_ADDRESS, VERIFIED_DOMAIN):
        if getattr(conditions, member):
            yield member, member
    for name in conditions.claims:
        yield claim(name), f"the claim {name!r}"


def claim(name: str) -> str:
    """The fact of a further claim, for `obstacle`."""
    return f"claims.{name}"


def obstacle(entry: ProviderConfiguration, kind: str) -> str | None:
    """Why the provider cannot state a fact, and the remedy; None if it can. `kind`: a constant here, or a `claim`."""
    match entry:
        case OidcProvider():
            return _of_claim(entry, name) if (name := _claim_name(kind)) else _of_oidc(entry, kind)
        case GitHubProvider():
            return _of_github(entry, kind)
        case ExternalProvider():
            return _of_external(entry, kind)


def _claim_name(kind: str) -> str:
    return kind.removeprefix("claims.") if kind.startswith("claims.") else ""


def _of_oidc(entry: OidcProvider, kind: str) -> str | None:
    profile = profile_of(entry)
    if kind == "groups" and profile.groups_claim is None:
        return (
            "Google has no groups in its tokens; use domains, or another provider"
            if entry.preset == "google"
            else "groups_claim does not say which claim has the groups"
        )
    if kind in {"organizations", "teams"}:
        return "only GitHub has them; use groups"
    if kind in {VERIFIED_DOMAIN, ORGANISATION_DOMAIN} and profile.preset.domain_claim:
        return None
    if kind == ORGANISATION_DOMAIN:
        return "only Google states the domain of an organisation"
    return None if kind == "groups" else _of_address(entry, profile, verified=kind != ADDRESS)


def _of_address(entry: OidcProvider, profile: ProviderProfile, *, verified: bool) -> str | None:
    if verified and profile.email_verified_claim is None:
        return "its addresses count as unverified; see email_verified_claim"
    return None if "email" in entry.scopes else 'scopes lacks "email"'


def _of_claim(entry: OidcProvider, name: str) -> str | None:
    if name == profile_of(entry).groups_claim:
        return "that claim has the groups; use groups"
    if name in NEVER_A_CLAIM:
        return "no rule and no resource can name that claim"
    known = preset_of(entry.preset).further_claims
    if known is not None and name not in known:
        return "Google does not state it; remove it, or use another provider"
    for scope, claims in _SCOPE_CLAIMS.items():
        if name in claims and scope not in entry.scopes:
            return f'scopes lacks "{scope}"'
    return None


def _of_github(entry: GitHubProvider, kind: str) -> str | None:
    if kind in MEMBERSHIPS:
        return None if reads_memberships(entry) else "it does not read them; set organizations to true"
    if kind == ORGANISATION_DOMAIN:
        return "only Google states the domain of an organisation"
    return "GitHub states no further claims" if _claim_name(kind) else None


def _of_external(entry: ExternalProvider, kind: str) -> str | None:
    if kind in {"organizations", "teams"}:
        return "only GitHub has them; use groups"
    if kind == ORGANISATION_DOMAIN:
        return "only Google states the domain of an organisation"
    if kind in {VERIFIED_ADDRESS, VERIFIED_DOMAIN} and not entry.email_verified:
        return "its addresses count as unverified; set email_verified to true if your backend verifies them"
    return "no rule and no resource can name that claim" if _claim_name(kind) in READ_HERE else None
