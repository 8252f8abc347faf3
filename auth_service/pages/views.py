"""What each page shows: one frozen record per page. Templates read these and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class SignInView:
    """The sign-in form; posts `username`, `password`, `transaction` and `csrf` to `action`."""

    action: str
    transaction: str
    csrf: str
    client_name: str | None
    resource_name: str | None
    username: str = ""
    problem: str = ""
    """Why the last attempt was refused, in words that do not tell whether the name exists; empty at first."""


@dataclass(frozen=True, slots=True)
class ScopeView:
    """One scope: its name and what it allows, in words."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class ConsentView:
    """The decision; posts `decision` (approve or deny), `transaction` and `csrf` to `action`."""

    action: str
    transaction: str
    csrf: str
    client_name: str
    client_host: str | None
    """The host that vouches for the client (of a metadata document's URL); None when nobody does."""
    redirect_host: str
    """Where the answer goes: always shown (invariant 7)."""
    redirect_is_local: bool
    """The redirect goes to a program on this very device: anyone can claim to be it, so warn."""
    redirect_is_app_scheme: bool
    resource_name: str
    resource: str
    username: str
    scopes: tuple[ScopeView, ...]
    already_granted: tuple[ScopeView, ...] = ()
    verified: bool = False
    """The operator pre-registered this client."""
    switch_address: str = ""
    """Where to sign in as somebody else and come back to this decision; empty leaves the way out."""
    account_address: str = ""
    """The person's page, where this can be taken back; empty leaves the hint out."""


@dataclass(frozen=True, slots=True)
class ContinueView:
    """The 200 page that navigates on to the client (interop.md F6: no redirect chain under form-action)."""

    location: str
    client_name: str
    approved: bool


@dataclass(frozen=True, slots=True)
class ErrorView:
    """A refusal, for a person."""

    title: str
    message: str
    hint: str
    request_id: str
    status: int
    onward: str = ""
    """Where the person may go on to, by a link that is theirs to follow: a stranger chose the address."""
    onward_host: str = ""


@dataclass(frozen=True, slots=True)
class UnknownClientView:
    """A client uses a registration that is not (or no longer) here: the person must clear it in the client."""

    ended: bool
    """There was such a registration, and it ended; otherwise there never was one."""
    request_id: str
    status: int = 400


class AccountNews(StrEnum):
    """What the person's page has to tell of the step just taken."""

    NONE = ""
    ACCESS_ENDED = "access-ended"
    PASSWORD_CHANGED = "password-changed"


@dataclass(frozen=True, slots=True)
class ApplicationView:
    """One application that holds access. Times in seconds since 1970."""

    grant_id: str
    client_name: str
    client_host: str | None
    """The host that vouches for the name, as in ConsentView."""
    redirect_host: str
    on_device: bool
    """It answered a program or an app on the person's device."""
    resource_name: str
    scopes: tuple[ScopeView, ...]
    since: float
    last_used: float
    address: str
    """Where the last use came from; may be empty."""
    verified: bool = False


@dataclass(frozen=True, slots=True)
class AccountView:
    """The person's page; its forms post `csrf` and their own fields to addresses under `address`."""

    address: str
    csrf: str
    username: str
    applications: tuple[ApplicationView, ...]
    now: float
    """Seconds since 1970."""
    access_token_minutes: int
    """How long an application that was cut off may still use what it holds."""
    news: AccountNews = AccountNews.NONE
    password_problem: str = ""


@dataclass(frozen=True, slots=True)
class SignedOutView:
    """Signed out, here or everywhere."""

    sign_in_address: str
    everywhere: bool
    applications_ended: int = 0
