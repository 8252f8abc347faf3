"""`make drill-revocation`: a user ends the access of an application, played through on the running pair.

Signs a user of its own in, calls a tool on several connections, ends the grant, and prints when the last
call was still accepted. Behind a gateway the connections are spread over the replicas. The user is removed at the end.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import time
from typing import TYPE_CHECKING

from tests.drills.key_compromise import Deployment, of_compose, of_make_run
from tests.support.oauth import unverified_claims
from tests.support.plain_client import PlainClient
from tests.support.user_agent import user_agent

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECTIONS = 8
GIVE_UP_SECONDS = 60.0
REFUSED_IN_A_ROW = 10
"""Of each connection: a gateway may send the next call to a replica that has not heard of it."""


async def play(deployment: Deployment) -> None:
    """The drill. Ends the program with a message if something does not happen in time."""
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
        sys.exit(f"the token does not work: {status} {answer}")
    print(f"The access token of the grant {grant_id} works. Now its access ends.\n")
    callers = [asyncio.create_task(_last_accepted(client, tokens["access_token"])) for _ in range(CONNECTIONS)]
    started = time.monotonic()
    await deployment.command("grants", "revoke", grant_id, "--yes")
    answered = time.monotonic()
    print(f"{answered - started:7.2f} s  grants revoke has answered", flush=True)
    async with asyncio.timeout(GIVE_UP_SECONDS):
        last = max(await asyncio.gather(*callers))
    print(f"{last - started:7.2f} s  the last accepted call began, {max(0.0, last - answered):.2f} s after the answer")
    status, refused = await client.token_request(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    if status != 400:
        sys.exit(f"the client could refresh: {status} {refused}")
    print(f"{time.monotonic() - started:7.2f} s  a refresh is refused")


async def _last_accepted(client: PlainClient, token: str) -> float:
    """When the last call began that was accepted; returns once several in a row were refused."""
    last, refused = time.monotonic(), 0
    while refused < REFUSED_IN_A_ROW:
        began = time.monotonic()
        status, _headers, answer = await client.call_tool(token)
        if status == 200:
            last, refused = began, 0
        elif status == 401:
            refused += 1
        else:
            sys.exit(f"neither accepted nor refused: {status} {answer}")
        await asyncio.sleep(0.02)
    return last


async def main() -> None:
    """Without arguments on the pair of `make run`; with a docker compose command on that of `make up`."""
    await play(await of_compose(sys.argv[1]) if len(sys.argv) > 1 else of_make_run())


if __name__ == "__main__":
    asyncio.run(main())
