"""The user of `make run`, created with the commands of auth_service."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devstack.private_file import new_password, write
from devstack.service_process import ServiceError, service_command

_ANY_PASSWORD = ("--password-stdin", "--allow-weak-password")
"""The service of this user listens on loopback addresses only."""


@dataclass(frozen=True, slots=True)
class DemoUser:
    """`password` is empty if the user exists and its password is not known here."""

    username: str
    password: str


def username_of(environment: Mapping[str, str]) -> str:
    """The name of the user, by DEMO_USERNAME."""
    return environment.get("DEMO_USERNAME") or "demo"


def password_file(data_dir: Path, username: str) -> Path:
    """The file with the generated or given password."""
    return data_dir / f"password-of-{''.join(c if c.isalnum() else '_' for c in username)}"


async def ensure_demo_user(data_dir: Path, username: str, password: str, environment: Mapping[str, str]) -> DemoUser:
    """Create the user if it does not exist; a given `password` replaces a different old one.

    A generated password is stored under `data_dir`, mode 0600, so that the next start shows it again.
    """
    file = password_file(data_dir, username)
    kept = file.read_text(encoding="utf-8").strip() if file.exists() else ""
    wanted = password or kept or new_password()
    added = await service_command("auth_service", environment, "users", "add", username, *_ANY_PASSWORD, stdin=wanted)
    if not added.succeeded:
        users = await service_command("auth_service", environment, "users", "list", "--json")
        if not users.succeeded or f'"{username.casefold()}"' not in users.output.casefold():
            raise ServiceError(f"the demo user could not be created:\n{added.combined_output}")
        if not password:
            return DemoUser(username, kept)
        if password != kept:
            changed = await service_command(
                "auth_service", environment, "users", "set-password", username, *_ANY_PASSWORD, stdin=password
            )
            if not changed.succeeded:
                raise ServiceError(f"the demo user's password could not be set:\n{changed.combined_output}")
    write(file, wanted)
    return DemoUser(username, wanted)


def sign_in_lines(user: DemoUser, environment: Mapping[str, str]) -> str:
    """The lines that tell how to sign in with these settings of auth_service, which it has checked."""
    text, file = (environment.get(f"AUTH_IDENTITY_PROVIDERS{end}", "") for end in ("", "_FILE"))
    entries = json.loads((Path(file).read_text(encoding="utf-8") if file else text) or "[]")
    names = ", ".join(entry["display_name"] for entry in entries)
    if environment.get("AUTH_PASSWORDS") == "off":
        return f"  Sign in through          {names}"
    password = user.password or f"(set earlier; change it with make auth ARGS='users set-password {user.username}')"
    lines = [f"  Sign in as               {user.username}", f"  with the password        {password}"]
    return "\n".join([*lines, f"  or through               {names}"] if names else lines)
