"""The authorization request: the ordered checks once client and redirect URI are verified, and the accepted request.

Pure. A failed check raises AuthorizationError; the endpoint reports it to the client with a redirect, or with a page
that links to the client (redirects.py). Only the check of sizes raises PageError.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from auth_service.protocol.errors import OAuthError, PageError
from auth_service.protocol.pkce import is_s256_challenge
from auth_service.resources.catalogue import grantable_scopes
from auth_service.texts import message
from shared.scopes import parse_scope

if TYPE_CHECKING:
    from auth_service.clients.client import Client
    from auth_service.protocol.parameters import Parameters
    from auth_service.resources.catalogue import ProtectedResource, ResourceCatalogue

MAX_STATE_BYTES: Final = 2048
MAX_NONCE_BYTES: Final = 512
_MAX_AGE: Final = re.compile(r"[0-9]{1,15}")
_BASE64_STATE: Final = re.compile(r"state=(?=.{16})[A-Za-z0-9+/_-]*={0,2}")


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A request that passed every check, kept while the user decides.

    `resource` is the configured identifier; `scopes` are those that can be granted.
    """

    client_id: str
    redirect_uri: str
    code_challenge: str
    resource: str
    scopes: tuple[str, ...]
    state: str | None
    nonce: str | None
    login_hint: str | None
    max_age: int | None
    """How old the sign-in may be, in seconds before the request; 0 demands a new one."""
    subject: str | None
    """The only user that may decide, named by an ID token of the client."""


class AuthorizationError(OAuthError):
    """An error of RFC 6749 section 4.1.2.1 or RFC 8707 section 2, not yet bound to a redirect URI."""

    def __init__(self, code: str, *, error_id: str, public: str, reason: str = "") -> None:
        super().__init__(reason or public, error_id=error_id, public=public, code=code)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A request of which only client and redirect URI are verified."""

    parameters: Parameters
    client: Client
    resources: ResourceCatalogue

    @property
    def resource(self) -> ProtectedResource:
        """The requested resource, or the default; valid after `check_resource_is_known`."""
        return self.resources.find_one(self.parameters.all("resource")) or self.resources.default

    @property
    def scopes(self) -> tuple[str, ...]:
        """The requested scopes that can be granted; valid after `check_scope_is_well_formed`."""
        max_scope = None if self.client.scope is None else parse_scope(self.client.scope)
        return grantable_scopes(parse_scope(self.parameters.get("scope") or ""), self.resource, max_scope=max_scope)

    @property
    def prompt(self) -> frozenset[str]:
        """The values of `prompt`. Unknown ones are ignored (OpenID Connect Core section 3.1.2.1)."""
        return frozenset((self.parameters.get("prompt") or "").split())

    @property
    def max_age(self) -> int | None:
        """How old the sign-in may be, in seconds; valid after `check_max_age_is_a_number`."""
        value = self.parameters.get("max_age")
        return 0 if "login" in self.prompt else None if value is None else int(value)


def check_is_a_plain_request(candidate: Candidate) -> None:
    """Neither a request object nor a self-issued client: parameters would be ignored with them (RFC 9101 section 5)."""
    for name in ("request", "request_uri", "registration"):
        if candidate.parameters.get(name) is not None:
            raise AuthorizationError(
                f"{name}_not_supported", error_id="plain_request", public=f"The parameter {name} is not supported."
            )


def check_response_type_is_code(candidate: Candidate) -> None:
    """Only the code flow (invariant 7, RFC 9700 section 2.1.2)."""
    value = candidate.parameters.get("response_type")
    if value is None:
        raise AuthorizationError("invalid_request", error_id="response_type", public="response_type is missing.")
    if value != "code":
        raise AuthorizationError(
            "unsupported_response_type", error_id="response_type", public="Only response_type=code is supported."
        )


def check_response_mode_is_query(candidate: Candidate) -> None:
    """The response is returned in the query only."""
    if candidate.parameters.get("response_mode") not in {None, "query"}:
        raise AuthorizationError(
            "invalid_request", error_id="response_mode", public="Only response_mode=query is supported."
        )


def check_client_may_use_codes(candidate: Candidate) -> None:
    """The client registered the authorization code grant type."""
    if "authorization_code" not in candidate.client.grant_types:
        raise AuthorizationError(
            "unauthorized_client", error_id="client_grant_type", public="This client may not use this flow."
        )


def check_challenge_is_s256(candidate: Candidate) -> None:
    """PKCE with S256 for every client, without exception (invariant 7; RFC 9700 section 2.1.1)."""
    challenge = candidate.parameters.get("code_challenge")
    if challenge is None:
        raise AuthorizationError(
            "invalid_request", error_id="pkce", public="code_challenge is missing (PKCE, RFC 7636)."
        )
    if candidate.parameters.get("code_challenge_method") != "S256":
        raise AuthorizationError("invalid_request", error_id="pkce", public="code_challenge_method must be S256.")
    if not is_s256_challenge(challenge):
        raise AuthorizationError("invalid_request", error_id="pkce", public="code_challenge is not a SHA-256 value.")


def check_resource_is_known(candidate: Candidate) -> None:
    """At most one resource, which is known; absent means the default (RFC 8707 section 2, interop.md A8)."""
    requested = candidate.parameters.all("resource")
    if requested and candidate.resources.find_one(requested) is None:
        raise AuthorizationError(
            "invalid_target", error_id="resource_known", public="The requested resource is not known here."
        )


def check_scope_is_well_formed(candidate: Candidate) -> None:
    """The grammar only: unknown names are dropped later, not rejected (interop.md A9)."""
    try:
        parse_scope(candidate.parameters.get("scope") or "")
    except ValueError as exc:
        raise AuthorizationError("invalid_scope", error_id="scope_grammar", public="scope is malformed.") from exc


def check_something_can_be_granted(candidate: Candidate) -> None:
    """A client with a `max_scope` may be left without any scope; a grant without scopes would be useless."""
    if candidate.client.scope is not None and not candidate.scopes:
        raise AuthorizationError(
            "invalid_scope", error_id="scope_grantable", public="This client may not be granted any of these scopes."
        )


def check_sizes_are_bounded(candidate: Candidate) -> None:
    """State and nonce travel through the user's pages; their size is limited (divergences.md D29).

    Raises PageError: a redirect would have to carry a `state` that the client did not send.
    """
    for name, most in (("state", MAX_STATE_BYTES), ("nonce", MAX_NONCE_BYTES)):
        size = len((candidate.parameters.get(name) or "").encode())
        if size > most:
            raise PageError(
                f"{name} has {size} bytes, at most {most} are accepted",
                error_id=f"{name}_size",
                title=message("This is a problem with the app"),
                public=message("The app sent a request that is too long."),
                hint=message("You did nothing wrong. If it happens again, tell the app's developer."),
                detail=f"{name} is longer than {most} bytes.",
            )


def check_prompt_is_consistent(candidate: Candidate) -> None:
    """`none` excludes every other value (OpenID Connect Core section 3.1.2.1)."""
    if "none" in candidate.prompt and len(candidate.prompt) > 1:
        raise AuthorizationError(
            "invalid_request", error_id="prompt", public="prompt=none excludes every other value of prompt."
        )


def check_max_age_is_a_number(candidate: Candidate) -> None:
    """Whole seconds (OpenID Connect Core section 3.1.2.1)."""
    value = candidate.parameters.get("max_age")
    if value is not None and not _MAX_AGE.fullmatch(value):
        raise AuthorizationError("invalid_request", error_id="max_age", public="max_age is not a number of seconds.")


def without_interaction(*, signed_in: bool) -> AuthorizationError:
    """The answer to `prompt=none`: consent is always asked for, so none succeeds (divergences.md D26).

    `signed_in`: whether the browser has a sign-in that the request accepts.
    """
    return AuthorizationError(
        "consent_required" if signed_in else "login_required",
        error_id="prompt_none",
        public=f"The user must {'decide' if signed_in else 'sign in'}; prompt=none cannot succeed.",
    )


CHECKS: Final[tuple[Callable[[Candidate], None], ...]] = (
    check_sizes_are_bounded,
    check_is_a_plain_request,
    check_response_type_is_code,
    check_response_mode_is_query,
    check_client_may_use_codes,
    check_challenge_is_s256,
    check_resource_is_known,
    check_scope_is_well_formed,
    check_something_can_be_granted,
    check_prompt_is_consistent,
    check_max_age_is_a_number,
)
"""The checks, in the order in which they run."""


def keep_plus_in_base64_state(raw_query: str) -> str:
    """The query with the plus signs of a `state` that is base64 percent-encoded (interop.md F24, divergences.md D31).

    In form encoding a raw plus sign is a space, which base64 does not have. A `state` counts as base64 if it has no
    percent sign, at least 16 characters of that alphabet, and a length that is a multiple of four or a final `=`.
    """
    if "+" not in raw_query:
        return raw_query
    return "&".join(
        part.replace("+", "%2B") if _BASE64_STATE.fullmatch(part) and _has_base64_length(part) else part
        for part in raw_query.split("&")
    )


def _has_base64_length(part: str) -> bool:
    return part.endswith("=") or (len(part) - len("state=")) % 4 == 0
