"""The rules for the members of an entry of an OpenID provider; a violation is reported at start. Pure.

An entry that would silently have another effect than its members state is refused: a rule that can never match, a
member that its preset or its credential makes meaningless.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from auth_service.federation.oidc.presets import (
    CONSUMERS_TENANT,
    SEVERAL_TENANTS,
    TENANT_PLACEHOLDER,
    is_tenant,
    preset_of,
    profile_of,
)

if TYPE_CHECKING:
    from auth_service.federation.configuration import OidcProvider

MAX_SCOPES: Final = 50
MAX_PARAMETERS: Final = 20
MAX_PARAMETER_CHARACTERS: Final = 500

_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,200}")
_PARAMETER: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}")


def check_entry(entry: OidcProvider) -> None:
    """Raise ValueError with a sentence for the operator."""
    for check in (_issuer, _tenants, _credentials, _requests, _address_rules, _group_rules):
        problem = check(entry)
        if problem:
            raise ValueError(problem)


def _issuer(entry: OidcProvider) -> str | None:
    issuer = entry.issuer
    if issuer is None:
        return (
            None if preset_of(entry.preset).issuer is not None else "issuer is missing: this preset has none of its own"
        )
    if "?" in issuer:
        return "issuer has a query: no issuer has one"
    if entry.preset != "entra" and ("{" in issuer or "}" in issuer):
        return 'issuer has a placeholder, which only the preset "entra" fills'
    accepted, problem = _ISSUERS.get(entry.preset or "", (_any, ""))
    return None if accepted(issuer) else problem


def _any(issuer: str) -> bool:
    del issuer
    return True


_ISSUERS: Final[dict[str, tuple[Callable[[str], bool], str]]] = {
    "google": (
        lambda issuer: issuer == preset_of("google").issuer,
        f"Google's issuer is {preset_of('google').issuer}: leave issuer out",
    ),
    "entra": (
        lambda issuer: TENANT_PLACEHOLDER in issuer and issuer.endswith("/v2.0"),
        f"the issuer of another Microsoft cloud contains {TENANT_PLACEHOLDER} and ends with /v2.0; else leave it out",
    ),
    "auth0": (
        lambda issuer: urlsplit(issuer).path == "/",
        "Auth0's issuer has no path but a final slash: https://TENANT.auth0.com/",
    ),
    "okta": (
        lambda issuer: not issuer.endswith("/"),
        "Okta's issuer has no final slash: https://ORG.okta.com or https://ORG.okta.com/oauth2/default",
    ),
    "keycloak": (
        lambda issuer: re.search(r"/realms/[^/]+$", urlsplit(issuer).path) is not None,
        "Keycloak's issuer ends with the realm, without a slash: https://HOST/realms/REALM",
    ),
}
"""The rule for the issuer, by preset, and the sentence about an issuer that violates it."""


def _tenants(entry: OidcProvider) -> str | None:
    if entry.preset != "entra":
        return 'tenant and tenants are for the preset "entra" only' if entry.tenant or entry.tenants else None
    if entry.tenant is None:
        return "tenant is missing: the directory id, or organizations, common or consumers"
    if entry.tenant not in SEVERAL_TENANTS | {"consumers"} and not is_tenant(entry.tenant):
        return f"tenant {entry.tenant!r} is no directory id (a GUID in lower case), organizations, common or consumers"
    if entry.tenants and entry.tenant not in SEVERAL_TENANTS:
        return "tenants is given, but tenant names a single one: use organizations or common"
    if CONSUMERS_TENANT in entry.tenants and entry.tenant == "organizations":
        return "tenants names that of personal accounts, which organizations excludes: use common"
    return None


def _credentials(entry: OidcProvider) -> str | None:
    method = entry.token_endpoint_auth_method
    if entry.private_key is None:
        if method == "private_key_jwt":
            return "token_endpoint_auth_method is private_key_jwt, but there is no private_key"
        if entry.private_key_id is not None or entry.assertion_audience is not None:
            return "private_key_id and assertion_audience are for a private_key, and there is none"
        return None
    if method not in {None, "private_key_jwt"}:
        return f"token_endpoint_auth_method is {method}, but the credential is a private_key"
    if entry.preset == "entra" and entry.private_key_id is None:
        return "private_key_id is missing: for Entra the SHA-256 thumbprint of the certificate, in base64url"
    from auth_service.federation.oidc.client_authentication import load_private_key

    load_private_key(entry.private_key.get_secret_value())
    return None


def _requests(entry: OidcProvider) -> str | None:
    if "openid" not in entry.scopes:
        return "scopes lacks openid: without it there is no ID token"
    if entry.preset == "entra" and "profile" not in entry.scopes:
        return "scopes lacks profile: without it Entra sends no oid, by which its users are known"
    if len(entry.scopes) > MAX_SCOPES or not all(map(_SCOPE.fullmatch, entry.scopes)):
        return f"scopes is a list of at most {MAX_SCOPES} scope names, without spaces"
    if not entry.id_token_algorithms:
        return "id_token_algorithms is empty: no ID token could be verified"
    parameters = entry.authorization_parameters
    if len(parameters) > MAX_PARAMETERS or not all(
        _PARAMETER.fullmatch(name) and len(value) <= MAX_PARAMETER_CHARACTERS for name, value in parameters.items()
    ):
        return (
            f"authorization_parameters has more than {MAX_PARAMETERS} members, or a name or value that is no parameter"
        )
    return None


def _address_rules(entry: OidcProvider) -> str | None:
    if entry.preset == "entra" and entry.email_verified_claim == "email_verified" and _is_given(entry):
        return (
            "Entra verifies no addresses: email_verified_claim can be xms_edov, if the application is given that claim"
        )
    for name, rules in (("allow", entry.allow), ("deny", entry.deny)):
        if not {"email", "email_verified"}.isdisjoint(rules.claims):
            return f"{name}.claims names an e-mail address: use emails or domains, which match verified addresses only"
        believed = profile_of(entry).email_verified_claim is not None
        if rules.emails and not believed:
            return f"{name}.emails never matches: the addresses of this provider count as unverified"
        if rules.domains and not believed and preset_of(entry.preset).domain_claim is None:
            return f"{name}.domains never matches: the addresses of this provider count as unverified"
    return None


def _group_rules(entry: OidcProvider) -> str | None:
    for name, rules in (("allow", entry.allow), ("deny", entry.deny)):
        if rules.organizations or rules.teams:
            return f"{name} names organizations or teams, which only GitHub has: use groups"
        if rules.groups and profile_of(entry).groups_claim is None:
            return f"{name}.groups never matches: groups_claim does not say in which claim this provider sends groups"
    return None


def _is_given(entry: OidcProvider) -> bool:
    return "email_verified_claim" in entry.model_fields_set
