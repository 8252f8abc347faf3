"""The interface of all kinds of providers, and the record of a sign-in in progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from auth_service.texts import Text, message
from shared.errors import RequestRejected, ServiceUnavailable

if TYPE_CHECKING:
    from auth_service.federation.identity import Identity


class Purpose(StrEnum):
    """The purpose of a sign-in at a provider. A response for one purpose is refused for the other."""

    SIGN_IN = "sign_in"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class PendingSignIn:
    """A browser that was sent to a provider. Times in seconds since 1970.

    Bound to one browser, one provider and its issuer, and one request: whatever of these the response does not match,
    no user is signed in.
    """

    state: str
    """The `state` parameter, 256 random bits, of which the repository stores the digest."""
    provider: str
    issuer: str
    purpose: Purpose
    browser_hash: str
    transaction: str
    """The interaction that continues, as forms carry it; empty for the account page."""
    subject: str
    """The user whose account gets the identity, for LINK; else empty."""
    nonce: str
    code_verifier: str
    started_at: float
    max_age: int | None = None
    """The provider must have authenticated the user at most so many seconds before the request (OpenID Connect)."""


@dataclass(frozen=True, slots=True)
class AuthorizationUrlRequest:
    """The parameters of an authorization request, which a provider may ignore."""

    login_hint: str = ""
    force_reauthentication: bool = False


class ProviderUnavailable(ServiceUnavailable):
    """The provider does not respond, or not validly: a fault that is not the user's (invariant 8)."""

    public: Text = message("The sign-in service isn't responding. Please try again, or choose another way to sign in.")


class ClientRejected(ProviderUnavailable):
    """The provider does not accept this server as its client, such as for an expired secret: the operator must act."""

    public: Text = message("The sign-in service isn't set up correctly. Please tell your administrator.")


class SignInRefused(RequestRejected):
    """The response of the provider is not accepted: no user is signed in. The private reason says which check failed.

    `public` gives nothing away; `cancelled` is for a user that declined at the provider.
    """

    code = "access_denied"
    status = 403
    public: Text = message("We couldn't complete the sign-in. Please try again.")

    def __init__(self, reason: str, *, error_id: str, cancelled: bool = False) -> None:
        super().__init__(reason, error_id=error_id)
        self.cancelled = cancelled


@dataclass(frozen=True, slots=True)
class ProviderDiagnosis:
    """The faults of a configuration, in sentences for the operator."""

    problems: tuple[str, ...] = ()
    """The faults with which no user can sign in, a sentence each."""
    warnings: tuple[str, ...] = ()
    """The possible faults, a sentence each."""


class IdentityProvider(Protocol):
    """One configured provider. Its construction connects nothing."""

    @property
    def id(self) -> str:
        """The id of the configuration; part of the callback address."""

    @property
    def display_name(self) -> str:
        """The name on the button."""

    @property
    def is_available(self) -> bool:
        """Whether the last attempt to reach the provider succeeded, or there was none."""

    @property
    def rejects_client(self) -> bool:
        """Whether it is unavailable because it does not accept this server as its client."""

    async def issuer(self) -> str:
        """The issuer that responses must come from. Raises ProviderUnavailable."""

    async def authorization_url(self, pending: PendingSignIn, request: AuthorizationUrlRequest) -> str:
        """The address that the browser is sent to. Raises ProviderUnavailable."""

    async def identify(self, pending: PendingSignIn, parameters: Mapping[str, str]) -> Identity:
        """Verify the response in full and return the identity.

        `parameters` are those of the callback, unverified, each present once. `pending` belongs to the browser and the
        state of the response, and was consumed. Raises SignInRefused, ProviderUnavailable.
        """

    async def diagnose(self) -> ProviderDiagnosis:
        """The faults of the configuration of this provider that show without a sign-in."""

    async def close(self) -> None:
        """Cancel fetches in progress."""
