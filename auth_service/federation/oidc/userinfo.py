"""Further claims from the userinfo endpoint (OpenID Connect Core section 5.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from auth_service.federation.provider import ProviderUnavailable, SignInRefused
from shared.fetch.ssrf_safe_client import FetchFailed
from shared.jose.strict_json import BadJson, parse_json_object

if TYPE_CHECKING:
    from auth_service.federation.http import ProviderHttp

MAX_USERINFO_BYTES: Final = 64 * 1024


async def fetch_userinfo(endpoint: str, *, access_token: str, subject: str, fetch: ProviderHttp) -> dict[str, Any]:
    """The claims, if they are of the user of the ID token. Raises SignInRefused, ProviderUnavailable.

    Only the plain form: a signed or encrypted one (`application/jwt`) is no JSON object.
    """
    try:
        answer = await fetch.get(
            endpoint, max_bytes=MAX_USERINFO_BYTES, headers={"Authorization": f"Bearer {access_token}"}
        )
        claims = parse_json_object(answer.body)
    except FetchFailed as exc:
        raise ProviderUnavailable(f"userinfo: {exc}", error_id="provider_userinfo") from exc
    except BadJson as exc:
        raise ProviderUnavailable("userinfo is no JSON object", error_id="provider_userinfo") from exc
    problem = subject_problem(claims, subject)
    if problem is not None:
        raise SignInRefused(f"userinfo: {problem}", error_id="userinfo_subject")
    return claims


def subject_problem(claims: dict[str, Any], subject: str) -> str | None:
    """A sentence about claims of another subject than the ID token's (OpenID Connect Core section 5.3.2)."""
    return None if claims.get("sub") == subject else "sub is not that of the ID token"
