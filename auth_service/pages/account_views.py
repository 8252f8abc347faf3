"""The content of the account page and of the page after signing out. Templates read only these."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from auth_service.pages.views import ProviderButton, ScopeView
    from auth_service.texts import Text


class AccountNotice(StrEnum):
    """The notice on the account page about the action just taken."""

    NONE = ""
    ACCESS_ENDED = "access-ended"
    ALL_ACCESS_ENDED = "all-access-ended"
    BROWSER_SIGNED_OUT = "browser-signed-out"
    PASSWORD_CHANGED = "password-changed"
    IDENTITY_LINKED = "identity-linked"
    IDENTITY_UNLINKED = "identity-unlinked"
    IDENTITY_TAKEN = "identity-taken"
    IDENTITY_REFUSED = "identity-refused"
    NOT_LINKED = "not-linked"
    LAST_WAY = "last-way"
    PROVIDER_UNAVAILABLE = "provider-unavailable"
    PROVIDER_REJECTS_CLIENT = "provider-rejects-client"
    SIGN_IN_AGAIN = "sign-in-again"
    TOO_MANY = "too-many"


@dataclass(frozen=True, slots=True)
class ApplicationView:
    """One application that holds access. Times in seconds since 1970."""

    grant_id: str
    client_name: str
    client_host: str | None
    """The host of the client ID metadata document; None without a document."""
    redirect_host: str
    on_device: bool
    """Whether its redirect URI leads to a program or an app on the user's device."""
    resource_name: str
    scopes: tuple[ScopeView, ...]
    since: float
    used: float
    """When the authorization server last saw a use."""
    refreshed: float | None
    address: str
    """The client address of the last refresh, or of the beginning; may be empty."""
    told: tuple[str, ...] = ()
    """The claims of its access tokens about the user, in words."""
    verified: bool = False


@dataclass(frozen=True, slots=True)
class BrowserView:
    """A browser in which the user is signed in. Times in seconds since 1970."""

    handle: str
    """Names the session in the form that ends it."""
    browser: str
    system: str
    """The system, like `browser` from a closed list by the User-Agent; empty if unknown."""
    address: str
    """The client address at sign-in; empty if unknown."""
    since: float
    seen: float
    """When the browser was last seen; 0 if unknown."""
    is_this: bool


@dataclass(frozen=True, slots=True)
class LinkedIdentityView:
    """An account at an identity provider by which the user signs in. Times in seconds since 1970."""

    key: str
    provider_name: str
    account_name: str
    """The name by which the provider distinguishes the account."""
    linked_at: float
    is_current: bool
    """Whether the user has signed in with it."""
    removable: bool
    """Whether another way to sign in would remain."""


@dataclass(frozen=True, slots=True)
class IdentitiesView:
    """How the user signs in; forms post `identity` to /unlink, `provider` to /link."""

    linked: tuple[LinkedIdentityView, ...] = ()
    providers: tuple[ProviderButton, ...] = ()
    has_password: bool = True


@dataclass(frozen=True, slots=True)
class PasswordProblem:
    """Why the password was not changed. It is shown beside the field that it is about."""

    text: Text
    field: Literal["current", "new", "repeated"]


@dataclass(frozen=True, slots=True)
class AccountView:
    """The account page; its forms post `csrf` and their own fields to addresses under `address`."""

    address: str
    csrf: str
    username: str
    applications: tuple[ApplicationView, ...]
    now: float
    """The current time in seconds since 1970."""
    unseen_minutes: int
    """How long an application can use its access without the authorization server: the lifetime of an access token."""
    notice: AccountNotice = AccountNotice.NONE
    password_problem: PasswordProblem | None = None
    browsers: tuple[BrowserView, ...] = ()
    identities: IdentitiesView = IdentitiesView()
    sign_in_address: str = ""
    """Where the user signs in again before identities may change."""


@dataclass(frozen=True, slots=True)
class SignedOutView:
    """The page after signing out, here or everywhere."""

    sign_in_address: str
    everywhere: bool
    applications_ended: int = 0
