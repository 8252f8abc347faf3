"""The token request, and the form of its answer (RFC 6749 sections 4.1.3 and 5, OpenID Connect Core section 3.1.3).

Invariant 9: code, verifier, secret and tokens are in no reason and no log. Of an error only its code is repeated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from auth_service.federation.provider import ClientRejected, ProviderUnavailable, SignInRefused
from shared.fetch.ssrf_safe_client import FetchFailed
from shared.jose.strict_json import BadJson, parse_json_object

if TYPE_CHECKING:
    from auth_service.federation.http import ProviderHttp, ProviderResponse
    from auth_service.federation.oidc.client_authentication import ClientAuthentication
    from auth_service.federation.oidc.metadata import ProviderMetadata

MAX_RESPONSE_BYTES: Final = 128 * 1024
MAX_ACCESS_TOKEN_CHARACTERS: Final = 16 * 1024

_ERROR: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_DETAIL: Final = re.compile(r"AADSTS\d{3,9}")
"""The number of an error in the description of Entra, which names the cause, unlike `error`."""
_OUR_FAULT: Final = frozenset({"invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope"})
"""Errors that no authorization response can cause."""


@dataclass(frozen=True, slots=True, repr=False)
class TokenResponse:
    """The members of the response that are used. Nothing is verified."""

    id_token: str
    access_token: str


class TokenClient:
    """Exchanges codes at the token endpoint."""

    def __init__(self, authentication: ClientAuthentication, *, redirect_uri: str, fetch: ProviderHttp) -> None:
        self._authentication = authentication
        self._redirect_uri = redirect_uri
        self._http = fetch

    async def exchange(self, metadata: ProviderMetadata, *, code: str, code_verifier: str, now: float) -> TokenResponse:
        """Exchange a code. `now` is in seconds since 1970. Raises SignInRefused, ProviderUnavailable."""
        credentials = self._authentication.credentials(metadata, now=now)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": code_verifier,
            **credentials.form,
        }
        try:
            response = await self._http.post_form(
                metadata.token_endpoint, form, headers=credentials.headers, max_bytes=MAX_RESPONSE_BYTES
            )
        except FetchFailed as exc:
            raise ProviderUnavailable(f"token endpoint: {exc}", error_id="provider_token_endpoint") from exc
        return read_token_response(response)


def read_token_response(response: ProviderResponse) -> TokenResponse:
    """The tokens of an answer. Raises SignInRefused, ProviderUnavailable."""
    if response.status != 200:
        raise _error(response)
    try:
        members = parse_json_object(response.body)
    except BadJson as exc:
        raise ProviderUnavailable("the token response is no JSON object", error_id="provider_token_response") from exc
    id_token, access_token = members.get("id_token"), members.get("access_token")
    if not isinstance(id_token, str) or not id_token:
        raise ProviderUnavailable("the token response has no ID token", error_id="provider_token_response")
    if not isinstance(access_token, str) or not 0 < len(access_token) <= MAX_ACCESS_TOKEN_CHARACTERS:
        raise ProviderUnavailable("the token response has no access token", error_id="provider_token_response")
    if not access_token.isascii() or not access_token.isprintable():
        raise ProviderUnavailable("the access token is no text of ASCII", error_id="provider_token_response")
    problem = token_type_problem(members.get("token_type"))
    if problem is not None:
        raise ProviderUnavailable(f"the token response: {problem}", error_id="provider_token_response")
    return TokenResponse(id_token, access_token)


def token_type_problem(unverified: Any) -> str | None:
    """A sentence about a `token_type` other than `Bearer` (OpenID Connect Core 3.1.3.3, RFC 6749 section 7.1)."""
    is_bearer = isinstance(unverified, str) and unverified.lower() == "bearer"
    return None if is_bearer else f"token_type is {unverified!r:.40}, not Bearer"


def _error(response: ProviderResponse) -> SignInRefused | ProviderUnavailable:
    try:
        members: dict[str, Any] = parse_json_object(response.body)
    except BadJson:
        members = {}
    error = members.get("error")
    name = error if isinstance(error, str) and _ERROR.fullmatch(error) else "no error code"
    detail = _DETAIL.match(str(members.get("error_description", "")))
    reason = f"the token endpoint answers {response.status}, {name}{f' ({detail[0]})' if detail else ''}"
    if name in _OUR_FAULT or response.status in {401, 403}:
        return ClientRejected(
            f"{reason}: the client is not accepted; check client_id, its credential and the callback address",
            error_id="provider_rejects_client",
        )
    if response.status != 400:
        return ProviderUnavailable(reason, error_id="provider_token_endpoint")
    return SignInRefused(reason, error_id="sign_in_code")
