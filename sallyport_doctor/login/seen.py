"""What was seen while registering and signing in, for the rules: never a code, a secret or a token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sallyport_doctor.exchange import Exchange


@dataclass(frozen=True, slots=True)
class AttemptSeen:
    """One request for registration: what was asked for and what the answer was."""

    status: int
    told: str
    """The exchange in one phrase."""
    error: str = ""
    asked_method: str = "none"
    asked_redirects: tuple[str, ...] = ()
    method: str | None = None
    redirects: tuple[str, ...] | None = None
    has_client_id: bool = False
    has_secret: bool = False
    has_secret_expiry: bool = False
    cache_control: str = ""

    @property
    def accepted(self) -> bool:
        """Whether there is a client now."""
        return self.status in {200, 201} and self.has_client_id


@dataclass(frozen=True, slots=True)
class RegistrationSeen:
    """All that registering showed. `authorize` holds the answers to variants of one request, by what was varied."""

    attempts: Mapping[str, AttemptSeen] = field(default_factory=dict)
    authorize: Mapping[str, Exchange] = field(default_factory=dict)
    dead_refresh: Exchange | None = None
    vendors: Mapping[str, Exchange] = field(default_factory=dict)
    """The answers to requests in the name of well-known metadata documents, by client."""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TokenSeen:
    """An access token without itself: its header, its claims, and what the key set says to its signature."""

    opaque: bool
    header: Mapping[str, Any] = field(default_factory=dict)
    claims: Mapping[str, Any] = field(default_factory=dict)
    signature: str = "not checked"
    """good, wrong, no such key, not checked."""


@dataclass(frozen=True, slots=True)
class TokenAnswerSeen:
    """One answer of the token endpoint."""

    status: int
    error: str = ""
    members: frozenset[str] = frozenset()
    expires_in: float | None = None
    scope: str | None = None
    cache_control: str = ""
    same_refresh_token: bool = False
    """Whether the refresh token in it equals the one that was presented."""

    @property
    def ok(self) -> bool:
        """Whether an access token came."""
        return self.status == 200 and "access_token" in self.members

    def __str__(self) -> str:
        return f"{self.status} {self.error}".strip()


@dataclass(frozen=True, slots=True)
class StepUpSeen:
    """A call that needs more scopes than its token has, and what it got."""

    asked: str
    needed: tuple[str, ...]
    granted: tuple[str, ...]
    answer: Exchange


@dataclass(frozen=True, slots=True)
class LoginSeen:
    """One whole sign-in. A step that was not reached is None or absent."""

    not_tried: str = ""
    """Why it was not even begun: the doctor has no identity here."""
    failed_at: str = ""
    """Why the flow ended early, for people; empty when it went through."""
    answered: bool = False
    form_action: str = ""
    """The form-action of the first page's policy, where it has one."""
    callback_error: str = ""
    callback_iss: str | None = None
    state_returned: bool = True
    exchange: TokenAnswerSeen | None = None
    token: TokenSeen | None = None
    calls: Mapping[str, Exchange] = field(default_factory=dict)
    step_up: StepUpSeen | None = None
    is_public: bool = True
    """Whether the client that signed in has no secret."""
    answers: Mapping[str, TokenAnswerSeen] = field(default_factory=dict)
    """At the token endpoint: refresh, refresh with resource, race, after race, after revocation, code again."""
    revocation: Exchange | None = None
    remarks: tuple[str, ...] = ()
