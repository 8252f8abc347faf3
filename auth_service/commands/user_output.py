"""The output of `users`: rows of the table, and one user with the identities of the account."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from auth_service.commands.console import echo, format_time, printable, show_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auth_service.federation.identity import KnownIdentity
    from auth_service.users.user import User


def user_row(user: User) -> dict[str, Any]:
    """All members of a user, times as RFC 3339 texts."""
    return {
        **asdict(user),
        "created": format_time(user.created_at),
        "suspended": format_time(user.suspended_at),
    }


def listed_row(user: User, identities: Sequence[KnownIdentity]) -> dict[str, Any]:
    """The row of `users list`."""
    return {**user_row(user), "providers": _providers(identities)}


def show_user(user: User, identities: Sequence[KnownIdentity], *, as_json: bool) -> None:
    """Print a user, and what the providers stated at the last sign-in with each identity."""
    row = {
        **listed_row(user, identities),
        "last_provider_sign_in": format_time(max((i.signed_in_at for i in identities), default=0) or None),
    }
    entries = [_identity_row(known) for known in identities]
    if as_json:
        show_json({**row, "identities": entries})
        return
    _echo_members(row, except_for=("created_at", "suspended_at"))
    for entry in entries:
        echo("")
        _echo_members(entry)


def show_changed(user: User, result: str, *, generated: str | None = None, as_json: bool) -> None:
    """Print what was done to a user, and the password that was generated."""
    if as_json:
        show_json({**user_row(user), "result": result} | ({"password": generated} if generated else {}))
        return
    echo(f"{user.username}: {result}")
    if generated:
        echo(f"password: {generated}")


def _identity_row(known: KnownIdentity) -> dict[str, Any]:
    stated = {name: value for name, value in asdict(known.identity).items() if name != "authenticated_at"}
    return {
        **stated,
        "linked": format_time(known.linked_at),
        "last_sign_in": format_time(known.signed_in_at or None),
    }


def _providers(identities: Sequence[KnownIdentity]) -> list[str]:
    return list(dict.fromkeys(known.identity.provider for known in identities))


def _echo_members(members: dict[str, Any], *, except_for: Sequence[str] = ()) -> None:
    for name, value in members.items():
        if name not in except_for:
            empty = value is None or value in ([], (), {})
            echo(f"{name.replace('_', ' ')}: {'–' if empty else printable(value)}")
