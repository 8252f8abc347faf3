"""The content of the consent page, and the records that only it shows; views.py has the other pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auth_service.pages.views import ScopeView, SwitchUserForm, UserView


@dataclass(frozen=True, slots=True)
class ImitationView:
    """The app whose name a client uses, and a host of that app."""

    app_name: str
    host: str


@dataclass(frozen=True, slots=True)
class AccessLifetimeView:
    """When access ends without the user, in seconds: after this long without use, and after this long in any case."""

    unused: int
    absolute: int


@dataclass(frozen=True, slots=True)
class ClaimView:
    """Something that the access tokens may tell about the user, with a checkbox."""

    name: str
    description: str
    ticked: bool = True


@dataclass(frozen=True, slots=True)
class ConsentView:
    """The consent page; posts `decision` (approve or deny), `transaction`, `csrf`, and `scope` and `claim` to `action`.

    `scope` and `claim` repeat, once for each ticked checkbox; `scope` also for each of `kept_scopes`.
    """

    action: str
    transaction: str
    csrf: str
    client_id: str
    client_name: str
    client_host: str | None
    """The host of the client ID metadata document, which verifies the name; None without a document."""
    redirect_uri: str
    redirect_host: str
    """The host to which the user is redirected: always shown (invariant 7)."""
    redirect_is_local: bool
    """The redirect goes to a program on this device: any program can receive it, so the page warns."""
    redirect_is_app_scheme: bool
    resource_name: str
    resource: str
    user: UserView
    scopes: tuple[ScopeView, ...]
    already_granted: tuple[ScopeView, ...] = ()
    unavailable: tuple[ScopeView, ...] = ()
    """The requested scopes that this user may not have: they are not granted."""
    told: tuple[str, ...] = ()
    """The claims about the user that access tokens have without a choice, in words."""
    optional_claims: tuple[ClaimView, ...] = ()
    """The claims that they have if the user leaves them ticked."""
    kept_scopes: tuple[str, ...] = ()
    """The scopes that the client holds already: hidden inputs `scope`, without a checkbox."""
    nothing_left: bool = False
    """The page is shown again after an approval that left no scope of the resource."""
    verified: bool = False
    """The operator pre-registered this client."""
    imitation: ImitationView | None = None
    """The client uses the name of a known app from a host that is none of the app's: the page warns."""
    letter_colour: str = ""
    """`#rrggbb`, behind the letter of a known client whose document's host is verified; empty for all others."""
    lifetime: AccessLifetimeView | None = None
    """When access ends; None omits the sentence."""
    switch: SwitchUserForm | None = None
    """The form to switch the user; None omits the button."""
    account_address: str = ""
    """The account page, where the access can be ended; empty omits the hint."""
