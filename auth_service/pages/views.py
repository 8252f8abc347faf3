"""The content of each page: one frozen record per page. Templates read only these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auth_service.texts import Text


@dataclass(frozen=True, slots=True)
class ProviderButton:
    """A way to sign in through an identity provider."""

    id: str
    name: str
    available: bool = True
    rejects_client: bool = False
    """It is unavailable until the operator corrects its configuration."""


@dataclass(frozen=True, slots=True)
class SignInView:
    """The sign-in forms, which post `username` and `password`, or `provider`, each with `transaction` and `csrf`.

    Two forms: in one, Enter in the password field would press the first button, which may be a provider's.
    """

    action: str
    transaction: str
    csrf: str
    client_name: str | None
    resource_name: str | None
    username: str = ""
    problem: Text | None = None
    """Why the last attempt was rejected, without disclosing whether the name exists."""
    notice: Text | None = None
    """The outcome of a sign-in at a provider."""
    request_id: str = ""
    """The id of the request that the notice is about; empty omits it."""
    providers: tuple[ProviderButton, ...] = ()
    passwords: bool = True
    providers_first: bool = False
    """Whether the providers come before the password."""
    choose_account: bool = False
    """The provider must let the user choose an account; the form posts `choose`."""


@dataclass(frozen=True, slots=True)
class ScopeView:
    """One scope: its name and a description of what it allows."""

    name: str
    description: str
    required: bool = True
    """Whether the user has no choice; otherwise the page has a checkbox."""
    ticked: bool = True
    """Whether the checkbox is ticked."""
    includes: tuple[str, ...] = ()
    """Descriptions of the scopes that it implies: they are granted with it, whatever their checkboxes say."""


@dataclass(frozen=True, slots=True)
class UserView:
    """The signed-in user. All names may be chosen by the user."""

    username: str
    """The name of the account here; empty if it says no more than the other two."""
    provider_name: str = ""
    """The name of the identity provider; empty after a password."""
    identity_name: str = ""
    """The name by which the provider distinguishes the user."""


@dataclass(frozen=True, slots=True)
class SwitchUserForm:
    """Leads to the sign-in page, and back to the same request with another user.

    Posts `switch`, `transaction` and `csrf`: in a URL, the transaction could be read by others.
    """

    address: str
    transaction: str
    csrf: str


@dataclass(frozen=True, slots=True)
class ContinueView:
    """The 200 page that navigates to the client (interop.md F6: no redirect chain under form-action)."""

    location: str
    client_name: str
    approved: bool


@dataclass(frozen=True, slots=True)
class ProviderRedirectView:
    """The 200 page that navigates to an identity provider, like ContinueView."""

    location: str
    provider_name: str


@dataclass(frozen=True, slots=True)
class ErrorView:
    """An error page."""

    title: Text
    message: Text
    hint: Text | None
    request_id: str
    status: int
    detail: str = ""
    """A text for the developer of the app, in technical English; empty omits it."""
    onward: str = ""
    """Target of a link that the user may follow; an untrusted party chose it."""
    onward_host: str = ""


@dataclass(frozen=True, slots=True)
class UserRefusedView:
    """The signed-in user cannot decide about a request of a client; another user might."""

    title: Text
    message: Text
    hint: Text
    user: UserView
    unavailable: tuple[ScopeView, ...]
    """The scopes that this user may not have; empty if that is not the reason."""
    switch: SwitchUserForm
    onward: str
    """Target of the link back to the client, which an untrusted party chose."""
    onward_host: str
    request_id: str


@dataclass(frozen=True, slots=True)
class UnknownClientView:
    """A client uses a registration that does not exist, or no longer: the user must clear it in the client."""

    ended: bool
    """Whether such a registration existed and ended."""
    request_id: str
    status: int = 400


@dataclass(frozen=True, slots=True)
class ResourceLink:
    """An MCP server that this service signs users in for: its display name and its URL."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class HomeView:
    """The page at the issuer's own URL, which a user may enter in a browser."""

    account_address: str
    resources: tuple[ResourceLink, ...]


@dataclass(frozen=True, slots=True)
class NotFoundView:
    """The page for an unknown address."""

    home_address: str
    account_address: str
