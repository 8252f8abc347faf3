"""The known values of common providers, and the effective configuration of one entry. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from auth_service.federation.access_rules import IdentityConditions
    from auth_service.federation.configuration import OidcProvider

TENANT_PLACEHOLDER: Final = "{tenantid}"
"""The placeholder of the tenant in the issuer of Entra's metadata for several tenants."""

SEVERAL_TENANTS: Final = frozenset({"organizations", "common"})
CONSUMERS_TENANT: Final = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""The tenant of personal Microsoft accounts; its metadata name it, at the address `consumers` too."""

_GUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

AssertionAudience = Literal["issuer", "token_endpoint"]


@dataclass(frozen=True, slots=True)
class Preset:
    """The differences of a provider from the specification, and values that an operator need not write."""

    issuer: str | None = None
    former_issuers: tuple[str, ...] = ()
    """Further values of `iss` that mean the same issuer."""
    groups_claim: str | None = None
    missing_groups_are_none: bool = False
    """Whether a token without the groups claim is one of a user without groups."""
    email_verified_claim: str | None = "email_verified"
    domain_claim: str | None = None
    assertion_audience: AssertionAudience = "token_endpoint"
    assertion_algorithm: str | None = None
    """The algorithm of assertions with an RSA key; RS256 if None."""
    key_id_header: str = "kid"
    reauthentication_prompt: str = "login"
    states_authentication_time: bool = True
    """Whether `auth_time` comes with `max_age`, as OpenID Connect demands. A present one is checked in any case."""
    userinfo: bool = False
    """Whether its ID tokens lack the user's name, address and groups, which are at the userinfo endpoint."""
    further_claims: frozenset[str] | None = None
    """All further claims that rules can name, if operators cannot add any; None if they can."""


PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(
    {
        # The legacy issuer has no scheme. `login` is not among the prompts that Google knows.
        "google": Preset(
            issuer="https://accounts.google.com",
            former_issuers=("accounts.google.com",),
            domain_claim="hd",
            reauthentication_prompt="select_account",
            states_authentication_time=False,
            further_claims=frozenset(["family_name", "given_name", "hd", "locale", "name", "picture", "profile"]),
        ),
        # Administrators of a tenant write any e-mail address into it. `auth_time` is an optional claim.
        "entra": Preset(
            issuer=f"https://login.microsoftonline.com/{TENANT_PLACEHOLDER}/v2.0",
            groups_claim="groups",
            missing_groups_are_none=True,
            email_verified_claim=None,
            assertion_algorithm="PS256",
            key_id_header="x5t#S256",
            states_authentication_time=False,
        ),
        # With an access token comes an ID token of base claims only, where the organisation's own server issues both.
        "okta": Preset(groups_claim="groups", userinfo=True),
        "auth0": Preset(assertion_audience="issuer"),
        "keycloak": Preset(groups_claim="groups", assertion_audience="issuer"),
        "gitlab": Preset(issuer="https://gitlab.com", groups_claim="groups_direct"),
    }
)
_OTHER: Final = Preset()


@dataclass(frozen=True, slots=True)
class ProviderProfile:
    """The effective values of an entry: its own, else those of its preset."""

    preset: Preset
    issuer: str
    """The issuer as in the metadata; with TENANT_PLACEHOLDER if each tenant is an issuer."""
    discovery_url: str
    tenants: frozenset[str]
    """The tenants that may sign in, if there are several; empty for all."""
    refuses_personal_accounts: bool
    """Whether personal Microsoft accounts are excluded, if there are several tenants."""
    subject_claims: tuple[str, ...]
    groups_claim: str | None
    email_verified_claim: str | None
    assertion_audience: AssertionAudience
    userinfo: bool
    authorization_parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_several_tenants(self) -> bool:
        """Whether the issuer of a token depends on its `tid`."""
        return TENANT_PLACEHOLDER in self.issuer

    def tenant_refusal(self, tenant: object) -> str | None:
        """Why users of this tenant may not sign in, for the log; None if they may, or if there is only one tenant."""
        if self.refuses_personal_accounts and tenant == CONSUMERS_TENANT:
            return "a personal account, which organizations excludes"
        if self.tenants and tenant not in self.tenants:
            return f"the tenant {tenant!r:.60} is not one of the allowed"
        return None


def profile_of(entry: OidcProvider) -> ProviderProfile:
    """The profile of an entry that was checked (entry_rules.py)."""
    preset = preset_of(entry.preset)
    template = entry.issuer or preset.issuer or ""
    issuer, tenant = template, template
    if entry.preset == "entra" and entry.tenant is not None:
        tenant = template.replace(TENANT_PLACEHOLDER, CONSUMERS_TENANT if entry.tenant == "consumers" else entry.tenant)
        issuer = template if entry.tenant in SEVERAL_TENANTS else tenant
    given = entry.model_fields_set
    return ProviderProfile(
        preset=preset,
        issuer=issuer,
        # A final slash of the issuer is not doubled (OpenID Connect Discovery section 4.1).
        discovery_url=f"{tenant.removesuffix('/')}/.well-known/openid-configuration",
        tenants=frozenset(entry.tenants),
        refuses_personal_accounts=entry.tenant == "organizations",
        subject_claims=_subject_claims(entry, several=TENANT_PLACEHOLDER in issuer),
        groups_claim=entry.groups_claim if "groups_claim" in given else preset.groups_claim,
        email_verified_claim=(
            entry.email_verified_claim if "email_verified_claim" in given else preset.email_verified_claim
        ),
        assertion_audience=entry.assertion_audience or preset.assertion_audience,
        userinfo=preset.userinfo if entry.userinfo is None else entry.userinfo,
        authorization_parameters={**_hosted_domain(entry), **entry.authorization_parameters},
    )


def preset_of(name: str | None) -> Preset:
    """The preset of this name; without a name, the defaults of OpenID Connect."""
    return PRESETS[name] if name is not None else _OTHER


def is_tenant(value: object) -> bool:
    """Whether a value is a directory id: a GUID in lower case, as Entra writes `tid`."""
    return isinstance(value, str) and _GUID.fullmatch(value) is not None


def _subject_claims(entry: OidcProvider, *, several: bool) -> tuple[str, ...]:
    """The claims that make the subject. Entra's `sub` differs by application; `oid` stays after a new registration."""
    if entry.preset != "entra":
        return ("sub",)
    return ("tid", "oid") if several else ("oid",)


def _hosted_domain(entry: OidcProvider) -> dict[str, str]:
    """The value of `hd` with which Google shows accounts of one domain only; the rules decide by the claim `hd`."""
    domains = entry.allow.domains
    if entry.preset != "google" or len(domains) != 1 or names_more_than_domains(entry.allow):
        return {}
    return {"hd": domains[0]}


def names_more_than_domains(conditions: IdentityConditions) -> bool:
    """Whether an identity outside the domains can match."""
    return bool(conditions.model_dump(exclude={"domains"}, exclude_defaults=True))
