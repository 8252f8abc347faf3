"""`make drill-key-compromise`: what you would do if a signing key were stolen, played through on the running pair.

Signs a user of its own in, uses a token, withdraws the key that signed it, and prints when what happened.
The user is removed again at the end; the key stays withdrawn, as in earnest.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shlex
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from devstack.run import ENVIRONMENT_FILE
from devstack.service_process import with_repository
from tests.support.oauth import unverified_header
from tests.support.plain_client import PlainClient
from tests.support.user_agent import user_agent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

GIVE_UP_SECONDS = 60.0


class DrillFailed(Exception):
    """A step did not happen in time. Not SystemExit: a task would raise it out of the event loop, past the cleanup."""


@dataclass(frozen=True)
class Deployment:
    """A running pair, as far as the drill touches it. `prefix` is what runs a program beside auth_service."""

    issuer: str
    resource: str
    prefix: Sequence[str]
    python: str
    environment: Mapping[str, str]

    async def command(self, *arguments: str) -> str:
        """Run `python -m auth_service …` there; what it printed. Raises DrillFailed if it fails."""
        process = await asyncio.create_subprocess_exec(
            *self.prefix,
            self.python,
            "-m",
            "auth_service",
            *arguments,
            env=dict(self.environment),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
        if process.returncode:
            raise DrillFailed(f"auth_service {' '.join(arguments)} failed:\n{errors.decode()}")
        return output.decode()


def of_make_run() -> Deployment:
    """The pair of `make run`."""
    file = Path(os.environ.get("DATA_DIR") or ".data") / ENVIRONMENT_FILE
    if not file.exists():
        raise DrillFailed(f"nothing has run on {file.parent} yet: start with `make run`")
    return of_environment(with_repository({**os.environ, **json.loads(file.read_text(encoding="utf-8"))}))


def of_environment(environment: Mapping[str, str]) -> Deployment:
    """An auth_service with these settings, whose commands run beside it."""
    resource = json.loads(environment["AUTH_RESOURCES"])[0]["identifier"]
    return Deployment(environment["AUTH_ISSUER"], resource, [], sys.executable, environment)


async def of_compose(compose: str) -> Deployment:
    """The pair of `make up`; `compose` is the command for docker compose."""
    execute = [*shlex.split(compose), "exec", "--no-TTY"]
    inside: dict[str, str] = {}
    for service in ("auth", "mcp"):
        process = await asyncio.create_subprocess_exec(*execute, service, "env", stdout=asyncio.subprocess.PIPE)
        output, _ = await process.communicate()
        inside |= dict(line.split("=", 1) for line in output.decode().splitlines() if "=" in line)
    return Deployment(inside["AUTH_ISSUER"], inside["MCP_RESOURCE"], [*execute, "auth"], "python", os.environ)


async def play(deployment: Deployment) -> None:
    """The drill. Raises DrillFailed if something does not happen in time."""
    username = f"drill-{secrets.token_hex(4)}"
    password = json.loads(await deployment.command("users", "add", username, "--generate", "--json"))["password"]
    try:
        async with PlainClient(deployment) as client, user_agent(username, password) as user:
            tokens = await client.tokens(user)
            await _withdraw(deployment, client, tokens)
    finally:
        await deployment.command("users", "remove", username, "--yes")


async def _withdraw(deployment: Deployment, client: PlainClient, tokens: Mapping[str, str]) -> None:
    stolen = tokens["access_token"]
    kid = unverified_header(stolen)["kid"]
    status, _headers, _answer = await client.call_tool(stolen)
    print(f"A token of the key {kid} works: {status}. Now that key is compromised.\n")
    started = time.monotonic()

    def tell(what: str) -> None:
        print(f"{time.monotonic() - started:7.2f} s  {what}", flush=True)

    tell(f"keys revoke {kid}")
    withdrawing = asyncio.create_task(deployment.command("keys", "revoke", kid, "--reason", "drill", "--yes", "--json"))
    async with asyncio.timeout(GIVE_UP_SECONDS):
        while (await client.call_tool(stolen))[0] == 200:  # noqa: ASYNC110 - it is the outside that is asked
            await asyncio.sleep(0.02)
    tell("the stolen token is refused")
    said = json.loads(await withdrawing)
    if said["still_held_by"]:
        raise DrillFailed(f"these replicas have not shown that the key is gone: {', '.join(said['still_held_by'])}")
    tell(
        f"{said['replicas']} mcp_service replicas have shown that the key is gone, "
        f"{said['seconds']:g} s after it was withdrawn"
    )
    status, fresh = await client.token_request(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    if status != 200:
        raise DrillFailed(f"the client could not refresh: {fresh}")
    status, _headers, answer = await client.call_tool(fresh["access_token"])
    if status != 200:
        raise DrillFailed(f"the new token does not work: {status} {answer}")
    tell(f"the client has refreshed; its token of the key {unverified_header(fresh['access_token'])['kid']} works")


async def main() -> None:
    """Without arguments on the pair of `make run`; with a docker compose command on that of `make up`."""
    await play(await of_compose(sys.argv[1]) if len(sys.argv) > 1 else of_make_run())


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except DrillFailed as exc:
        sys.exit(str(exc))
