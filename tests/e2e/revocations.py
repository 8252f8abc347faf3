"""Endings of a grant before its time, and how long replicas go on accepting its access token."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from yarl import URL

from auth_service.users.passwords import PasswordHasher
from auth_service.users.repository import UserRepository
from auth_service.users.service import UserService
from shared.redis.single import SingleRedisClient
from tests.support.oauth import unverified_claims
from tests.support.plain_client import PlainClient
from tests.support.user_agent import user_agent

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    import aiohttp

    from devstack.service_process import ServiceProcess
    from tests.e2e.pair import Pair
    from tests.support.user_agent import UserAgent

SETTINGS: Final = {
    "AUTH_RATE_LIMITS": "off",
    "MCP_RATE_LIMITS": "off",
    "AUTH_MAX_GRANTS_PER_CLIENT": "1000",
    # Otherwise the reuse of a refresh token passes for a lost answer at first.
    "AUTH_REFRESH_TOKEN_REUSE_INTERVAL": "0",
}
"""Settings of a pair for many grants of one client that end early."""


@dataclass
class ClientGrant:
    """A grant of a user to a client, and its tokens."""

    pair: Pair
    client: PlainClient
    user: UserAgent
    access_token: str
    refresh_tokens: list[str]
    """The current one is the last."""

    @property
    def grant_id(self) -> str:
        """The grant of the tokens."""
        return str(unverified_claims(self.access_token)["gid"])

    async def refresh(self) -> None:
        """Exchange the refresh token."""
        status, answer = await self.client.token_request(
            grant_type="refresh_token", refresh_token=self.refresh_tokens[-1]
        )
        assert status == 200, answer
        self.access_token = answer["access_token"]
        self.refresh_tokens.append(answer["refresh_token"])

    async def revoke_access_token(self) -> None:
        """At POST /token/revoke."""
        await self._revoke(self.access_token)

    async def revoke_refresh_token(self) -> None:
        """At POST /token/revoke."""
        await self._revoke(self.refresh_tokens[-1])

    async def _revoke(self, token: str) -> None:
        form = {"token": token, "client_id": self.client.client_id}
        async with self.client.http.post(f"{self.pair.issuer}/token/revoke", data=form) as answer:
            assert answer.status == 200, await answer.text()

    async def end_access(self) -> None:
        """On /account, as the user."""
        page = await self.user.get(f"{self.pair.issuer}/account")
        form = next(f for f in page.forms if f.inputs.get("grant") == self.grant_id)
        target = page.url.join(URL(form.action))
        answer = await self.user.post(target, form.inputs, headers={"Origin": str(target.origin())})
        assert answer.status == 303, answer.words

    async def reuse_refresh_token(self) -> None:
        """Present the first refresh token again, after two refreshes."""
        status, answer = await self.client.token_request(
            grant_type="refresh_token", refresh_token=self.refresh_tokens[0]
        )
        assert (status, answer["error"]) == (400, "invalid_grant")

    async def revoke_grant(self) -> None:
        """By command, as the operator."""
        await self.pair.command("grants", "revoke", self.grant_id, "--yes")

    async def suspend_user(self) -> None:
        """By command, as the operator."""
        await self.pair.command("users", "suspend", self.user.username, "--yes")


@dataclass(frozen=True)
class Ending:
    """How a grant is ended."""

    name: str
    end: Callable[[ClientGrant], Awaitable[None]]
    refreshes: int = 0
    """Number of refreshes that must come first."""
    is_command: bool = False
    ends_all_of_user: bool = False


ENDINGS: Final = (
    Ending("revocation of the access token", ClientGrant.revoke_access_token),
    Ending("revocation of the refresh token", ClientGrant.revoke_refresh_token),
    Ending("end access on /account", ClientGrant.end_access),
    Ending("reuse of a refresh token", ClientGrant.reuse_refresh_token, refreshes=2),
    Ending("grants revoke", ClientGrant.revoke_grant, is_command=True),
    Ending("users suspend", ClientGrant.suspend_user, is_command=True, ends_all_of_user=True),
)


class ClientGrants:
    """Makes grants of one client. An async context manager: the connections of all users are open within it."""

    def __init__(self, pair: Pair) -> None:
        """The pair has SETTINGS."""
        self._pair = pair
        self._stack = AsyncExitStack()
        self._users: list[UserAgent] = []

    async def __aenter__(self) -> Self:
        self._client = await self._stack.enter_async_context(PlainClient(self._pair))
        store = SingleRedisClient(f"{self._pair.store.url}?db=0")
        self._stack.push_async_callback(store.close)
        passwords = PasswordHasher(workers=1)
        self._stack.callback(passwords.close)
        self._accounts = UserService(UserRepository(store), passwords)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def make(self, ending: Ending, count: int) -> list[ClientGrant]:
        """`count` grants that can be ended so, each of a user of its own if the ending ends all of a user."""
        made: list[ClientGrant] = []
        for _ in range(count):
            user = made[0].user if made and not ending.ends_all_of_user else await self._new_user()
            tokens = await self._client.tokens(user)
            grant = ClientGrant(self._pair, self._client, user, tokens["access_token"], [tokens["refresh_token"]])
            for _ in range(ending.refreshes):
                await grant.refresh()
            made.append(grant)
        return made

    async def _new_user(self) -> UserAgent:
        username = f"grant-{len(self._users)}"
        await self._accounts.add(username, self._pair.password)
        user = await self._stack.enter_async_context(user_agent(username, self._pair.password))
        self._users.append(user)
        return user


async def status_at(http: aiohttp.ClientSession, replica: ServiceProcess, token: str) -> int:
    """The status of a call of one replica, past any gateway."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    headers = {
        "Authorization": f"Bearer {token}",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2025-11-25",
    }
    async with http.post(f"http://127.0.0.1:{replica.port}/mcp", json=body, headers=headers) as answer:
        await answer.read()
        return answer.status


async def accepted_after(
    http: aiohttp.ClientSession,
    replicas: Sequence[ServiceProcess],
    token: str,
    end: Callable[[], Awaitable[object]],
    *,
    pause: float = 0.005,
) -> list[float]:
    """Seconds from the answer of what ends the grant to the beginning of the last call that each replica accepted.

    Every replica has accepted the token before, and is called again `pause` seconds after each answer. 0 if it accepted
    none after the answer.
    """
    accepted = [asyncio.Event() for _ in replicas]
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        calls = [
            group.create_task(_last_accepted(http, replica, token, once=once, pause=pause))
            for replica, once in zip(replicas, accepted, strict=True)
        ]
        for once in accepted:
            await once.wait()
        await end()
        answered = time.monotonic()
    return [max(0.0, call.result() - answered) for call in calls]


async def _last_accepted(
    http: aiohttp.ClientSession, replica: ServiceProcess, token: str, *, once: asyncio.Event, pause: float
) -> float:
    last = 0.0
    while True:
        began = time.monotonic()
        status = await status_at(http, replica, token)
        if status == 401 and last:
            return last
        assert status == 200, f"{replica.name}: {status}"
        last = began
        once.set()
        await asyncio.sleep(pause)
