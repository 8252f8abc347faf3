"""`make drill-revocation`: a user ends the access of an application, played through on the running pair.

Signs a user of its own in, calls a tool on several connections, ends the grant, and prints when the last call was still
accepted. Behind a gateway the connections are spread over the replicas; in a compose deployment each replica is called
by itself as well, and has a line of its own. The user is removed at the end.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.drills.key_compromise import Deployment, DrillFailed, of_compose, of_make_run
from tests.support.oauth import unverified_claims
from tests.support.plain_client import PlainClient
from tests.support.user_agent import user_agent

if TYPE_CHECKING:
    from collections.abc import Mapping

CALL_REPLICAS = (Path(__file__).parent / "call_replicas.py").read_text(encoding="utf-8")
CONNECTIONS = 8
PAUSE_SECONDS = 0.2
"""Of each connection between two calls: 40 calls a second together, where 50 are allowed with one token."""
GIVE_UP_SECONDS = 60.0
REFUSED_IN_A_ROW = 5
"""Of each connection: a gateway may send the next call to a replica that has not heard of it."""


async def play(deployment: Deployment) -> None:
    """The drill. Raises DrillFailed if something does not happen in time."""
    username = f"drill-{secrets.token_hex(4)}"
    password = json.loads(await deployment.command("users", "add", username, "--generate", "--json"))["password"]
    try:
        async with PlainClient(deployment) as client, user_agent(username, password) as user:
            await _end(deployment, client, await client.tokens(user))
    finally:
        await deployment.command("users", "remove", username, "--yes")


async def _end(deployment: Deployment, client: PlainClient, tokens: Mapping[str, str]) -> None:
    grant_id = unverified_claims(tokens["access_token"])["gid"]
    status, _headers, answer = await client.call_tool(tokens["access_token"])
    if status != 200:
        raise DrillFailed(f"the token does not work: {status} {answer}")
    print(f"The access token of the grant {grant_id} works. Now its access ends.\n")
    callers = [asyncio.create_task(_last_accepted(client, tokens["access_token"], n)) for n in range(CONNECTIONS)]
    replicas = asyncio.create_task(_each_replica(deployment, tokens["access_token"]))
    await asyncio.sleep(1 if deployment.prefix else 0)  # so that each has been called
    started, started_at = time.monotonic(), time.time()
    await deployment.command("grants", "revoke", grant_id, "--yes")
    answered = time.monotonic()
    print(f"{answered - started:7.2f} s  grants revoke has answered", flush=True)
    async with asyncio.timeout(GIVE_UP_SECONDS):
        last = max(await asyncio.gather(*callers))
        accepted = await replicas
    print(f"{last - started:7.2f} s  the last accepted call began, {max(0.0, last - answered):.2f} s after the answer")
    for address, began in sorted(accepted.items()):
        if began is None:
            raise DrillFailed(f"the replica {address} accepted no call")
        after = began - started_at - (answered - started)
        print(
            f"{began - started_at:7.2f} s  the last at the replica {address}, {max(0.0, after):.2f} s after the answer"
        )
    status, refused = await client.token_request(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    if status != 400:
        raise DrillFailed(f"the client could refresh: {status} {refused}")
    print(f"{time.monotonic() - started:7.2f} s  a refresh is refused")


async def _each_replica(deployment: Deployment, token: str) -> dict[str, float | None]:
    """By address: when the last call began that the replica accepted, in seconds since 1970. Empty for `make run`."""
    if not deployment.prefix:
        return {}
    path = urlsplit(deployment.resource).path
    asked = {"host": "mcp", "port": 9001, "path": path, "token": token, "seconds": GIVE_UP_SECONDS}
    command = [*deployment.prefix, deployment.python, "-c", CALL_REPLICAS]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, env=dict(deployment.environment))
    output, _ = await process.communicate(json.dumps(asked).encode())
    if process.returncode:
        raise DrillFailed("the replicas could not be called one by one")
    accepted: dict[str, float | None] = json.loads(output)
    return accepted


async def _last_accepted(client: PlainClient, token: str, number: int) -> float:
    """When the last call began that was accepted; returns once several in a row were refused."""
    await asyncio.sleep(PAUSE_SECONDS * number / CONNECTIONS)  # so that they take turns
    last, refused = time.monotonic(), 0
    while refused < REFUSED_IN_A_ROW:
        began = time.monotonic()
        status, _headers, answer = await client.call_tool(token)
        if status == 200:
            last, refused = began, 0
        elif status == 401:
            refused += 1
        else:
            raise DrillFailed(f"neither accepted nor refused: {status} {answer}")
        await asyncio.sleep(PAUSE_SECONDS)
    return last


async def main() -> None:
    """Without arguments on the pair of `make run`; with a docker compose command on that of `make up`."""
    await play(await of_compose(sys.argv[1]) if len(sys.argv) > 1 else of_make_run())


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except DrillFailed as exc:
        sys.exit(str(exc))
