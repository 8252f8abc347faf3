"""The evidence of registration and sign-in. It never contains a code, a secret or a token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sallyport_doctor.http_exchange import HttpExchange


@dataclass(frozen=True, slots=True)
class RegistrationAttempt:
    """One registration request and its response."""

    status: int
    summary: str
    """The exchange in one phrase."""
    error: str = ""
    requested_method: str = "none"
    requested_redirects: tuple[str, ...] = ()
    method: str | None = None
    redirects: tuple[str, ...] | None = None
    has_client_id: bool = False
    has_secret: bool = False
    has_secret_expiry: bool = False
    cache_control: str = ""

    @property
    def accepted(self) -> bool:
        """Whether a client was registered."""
        return self.status in {200, 201} and self.has_client_id


@dataclass(frozen=True, slots=True)
class RegistrationEvidence:
    """The results of --register. `authorize` holds the responses to variants of the authorization request."""

    attempts: Mapping[str, RegistrationAttempt] = field(default_factory=dict)
    authorize: Mapping[str, HttpExchange] = field(default_factory=dict)
    invalid_refresh: HttpExchange | None = None
    client_documents: Mapping[str, HttpExchange] = field(default_factory=dict)
    """Responses to authorization requests with the metadata documents of known clients, by client."""
    remarks: tuple[str, ...] = ()


class Signature(StrEnum):
    """The result of verifying a token's signature with the JWKS."""

    VALID = "valid"
    INVALID = "invalid"
    UNKNOWN_KEY = "unknown key"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class TokenEvidence:
    """The header and claims of an access token, and whether its signature is valid; never the token itself."""

    opaque: bool
    header: Mapping[str, Any] = field(default_factory=dict)
    claims: Mapping[str, Any] = field(default_factory=dict)
    signature: Signature = Signature.NOT_CHECKED


@dataclass(frozen=True, slots=True)
class TokenResponse:
    """One response of the token endpoint, without its tokens."""

    status: int
    error: str = ""
    members: frozenset[str] = frozenset()
    expires_in: float | None = None
    scope: str | None = None
    cache_control: str = ""
    same_refresh_token: bool = False
    """Whether it contains the refresh token of the request."""

    @property
    def ok(self) -> bool:
        """Whether it contains an access token."""
        return self.status == 200 and "access_token" in self.members

    def __str__(self) -> str:
        return f"{self.status} {self.error}".strip()


@dataclass(frozen=True, slots=True)
class StepUpEvidence:
    """A call that requires more scopes than the token has, and its response."""

    request: str
    required: tuple[str, ...]
    granted: tuple[str, ...]
    response: HttpExchange

    @property
    def hides_challenge(self) -> bool:
        """Whether the response is 200, with the challenge in `_meta` of the result."""
        result = (self.response.document or {}).get("result") if self.response.ok else None
        meta = result.get("_meta") if isinstance(result, dict) else None
        return isinstance(meta, dict) and "mcp/www_authenticate" in meta


@dataclass(frozen=True, slots=True)
class LoginEvidence:
    """The results of --login. A step that was not reached is None or absent."""

    skipped: str = ""
    """Why no sign-in was attempted; empty when it was."""
    failure: str = ""
    """Why the flow ended early; empty when it completed."""
    timed_out: bool = False
    """Whether no callback arrived."""
    callback_received: bool = False
    form_action: str = ""
    """The form-action directive of the first page; empty when it has none."""
    callback_error: str = ""
    callback_iss: str | None = None
    state_returned: bool = True
    code_exchange: TokenResponse | None = None
    token: TokenEvidence | None = None
    calls: Mapping[str, HttpExchange] = field(default_factory=dict)
    step_up: StepUpEvidence | None = None
    is_public: bool = True
    """Whether the client has no secret."""
    token_responses: Mapping[str, TokenResponse] = field(default_factory=dict)
    """The responses by request: refresh, refresh with resource, reuse, after reuse, after revocation, code replay."""
    revocation: HttpExchange | None = None
    remarks: tuple[str, ...] = ()
