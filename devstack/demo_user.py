"""The person who signs in on one's own machine, made through auth_service's own commands."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devstack.private_file import new_password, write
from devstack.service_process import ServiceError, with_repository


@dataclass(frozen=True, slots=True)
class DemoUser:
    """`password` is empty when the store knew the user already and nobody here knows the password."""

    username: str
    password: str


async def ensure_demo_user(data_dir: Path, username: str, password: str, environment: Mapping[str, str]) -> DemoUser:
    """Make the user, or leave it as it is; a given `password` that is new replaces the old one.

    A made-up password is kept under `data_dir`, mode 0600, so that the next start can show it again.
    """
    file = data_dir / f"password-of-{''.join(c if c.isalnum() else '_' for c in username)}"
    kept = file.read_text(encoding="utf-8").strip() if file.exists() else ""
    wanted = password or kept or new_password()
    added, said = await auth_command(environment, "users", "add", username, "--password-stdin", stdin=wanted)
    if not added:
        exists, listed = await auth_command(environment, "users", "list")
        if not exists or username not in listed:
            raise ServiceError(f"the demo user could not be made:\n{said}")
        if not password:
            return DemoUser(username, kept)
        if password != kept:
            changed, said = await auth_command(
                environment, "users", "set-password", username, "--password-stdin", stdin=password
            )
            if not changed:
                raise ServiceError(f"the demo user's password could not be set:\n{said}")
    write(file, wanted)
    return DemoUser(username, wanted)


async def auth_command(environment: Mapping[str, str], *arguments: str, stdin: str = "") -> tuple[bool, str]:
    """Run `python -m auth_service …`. Returns whether it succeeded, and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "auth_service",
        *arguments,
        env=with_repository(environment),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate(f"{stdin}\n".encode() if stdin else b"")
    return process.returncode == 0, output.decode(errors="replace").strip()
