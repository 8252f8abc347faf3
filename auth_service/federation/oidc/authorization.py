"""The authorization request, and the checks of the response before anything is asked of the provider. Pure.

OpenID Connect Core section 3.1.2, PKCE (RFC 7636, S256 only), and the issuer of the response (RFC 9207, RFC 9700
section 4.4): a response of another provider must not lead to a token request, which would hand that provider's code to
this one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from auth_service.federation.oidc.presets import TENANT_PLACEHOLDER, is_tenant
from auth_service.federation.provider import SignInRefused

if TYPE_CHECKING:
    from auth_service.federation.configuration import OidcProvider
    from auth_service.federation.oidc.metadata import ProviderMetadata
    from auth_service.federation.oidc.presets import ProviderProfile
    from auth_service.federation.provider import AuthorizationUrlRequest, PendingSignIn

MAX_LOGIN_HINT_CHARACTERS: Final = 320
MAX_CODE_CHARACTERS: Final = 8192
"""The maximum characters of a code; those of Entra have one to two thousand."""

_CODE: Final = re.compile(rf"[\x20-\x7e]{{1,{MAX_CODE_CHARACTERS}}}")
_ERROR: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_DECLINED: Final = frozenset({"access_denied", "user_cancelled_authorize", "user_cancelled_login"})
"""The errors with which a user declined: RFC 6749 section 4.1.2.1, Apple, LinkedIn."""


def authorization_url(
    entry: OidcProvider,
    profile: ProviderProfile,
    metadata: ProviderMetadata,
    *,
    redirect_uri: str,
    pending: PendingSignIn,
    request: AuthorizationUrlRequest,
) -> str:
    """The address that the browser is sent to."""
    reauthentication = profile.preset.reauthentication_prompt if request.force_reauthentication else None
    hint = request.login_hint
    url: str = prepare_grant_uri(
        metadata.authorization_endpoint,
        entry.client_id,
        "code",
        redirect_uri=redirect_uri,
        scope=" ".join(entry.scopes),
        state=pending.state,
        nonce=pending.nonce,
        code_challenge=create_s256_code_challenge(pending.code_verifier),
        code_challenge_method="S256",
        response_mode="form_post" if entry.response_mode == "form_post" else None,
        login_hint=hint if 0 < len(hint) <= MAX_LOGIN_HINT_CHARACTERS else None,
        prompt=reauthentication,
        max_age=None if pending.max_age is None else str(pending.max_age),
    )
    whole: str = add_params_to_uri(url, list(profile.authorization_parameters.items()))
    return whole


@dataclass(frozen=True, slots=True)
class ExpectedResponse:
    """The provider that a response must come from."""

    provider: str
    profile: ProviderProfile
    sends_issuer: bool
    pending: PendingSignIn


def read_authorization_response(unverified: Mapping[str, str], expected: ExpectedResponse) -> str:
    """The authorization code. Raises SignInRefused."""
    for name, check in RESPONSE_CHECKS.items():
        problem = check(unverified, expected)
        if problem is not None:
            raise SignInRefused(f"authorization response: {problem}", error_id=f"sign_in_response_{name}")
    _raise_error(unverified.get("error"))
    return unverified.get("code", "")


def _raise_error(unverified: str | None) -> None:
    """Raise SignInRefused, not ServiceUnavailable: any site can send an error through the browser (invariant 8)."""
    if unverified is None:
        return
    error = unverified if _ERROR.fullmatch(unverified) else "an unreadable error"
    if error in _DECLINED:
        raise SignInRefused(f"the user declined: {error}", error_id="sign_in_declined", cancelled=True)
    raise SignInRefused(f"the provider answers {error}", error_id="sign_in_response_error")


def _request(unverified: Mapping[str, str], expected: ExpectedResponse) -> str | None:
    del unverified
    pending = expected.pending
    if pending.provider == expected.provider and pending.issuer == expected.profile.issuer:
        return None
    return "the sign-in began with another provider, or with another issuer of this one"


def _issuer(unverified: Mapping[str, str], expected: ExpectedResponse) -> str | None:
    issuer = unverified.get("iss")
    if issuer is None or _is_issuer(issuer, expected.profile):
        return None
    return f"iss is {issuer!r:.200}"


def _issuer_present(unverified: Mapping[str, str], expected: ExpectedResponse) -> str | None:
    if not expected.sends_issuer or "error" in unverified or unverified.get("iss"):
        return None
    return "iss is missing, although the provider announces it"


def _code(unverified: Mapping[str, str], expected: ExpectedResponse) -> str | None:
    del expected
    found = "error" in unverified or _CODE.fullmatch(unverified.get("code", ""))
    return None if found else "there is no code, or it is none"


RESPONSE_CHECKS: Final[dict[str, Callable[[Mapping[str, str], ExpectedResponse], str | None]]] = {
    "request": _request,
    "issuer": _issuer,
    "issuer_present": _issuer_present,
    "code": _code,
}


def _is_issuer(issuer: str, profile: ProviderProfile) -> bool:
    if not profile.has_several_tenants:
        return issuer == profile.issuer
    before, _, after = profile.issuer.partition(TENANT_PLACEHOLDER)
    tenant = issuer.removeprefix(before).removesuffix(after)
    return is_tenant(tenant) and issuer == profile.issuer.replace(TENANT_PLACEHOLDER, tenant)
