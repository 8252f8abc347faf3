"""What each page shows: one frozen record per page. Templates read these and nothing else."""

from __future__ import annotations

from dataclasses import dataclass


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


@dataclass(frozen=True, slots=True)
class ContinueView:
    """The 200 page that navigates on to the client (clients.md F6: no redirect chain under form-action)."""

    location: str
    client_name: str
    approved: bool


@dataclass(frozen=True, slots=True)
class ErrorView:
    """A refusal, for a person."""

    title: str
    message: str
    hint: str
    reference: str
    status: int
