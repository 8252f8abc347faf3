"""Clients that hold a refresh token and get another, and remember which token gave which."""

from __future__ import annotations

from dataclasses import dataclass, field

import aiohttp

from tests.support.plain_client import PlainClient
from tests.support.user_agent import user_agent


@dataclass
class ReplicaKeyVersion:
    """A client that holds a refresh token and gets another; `seen` maps each token to the successors it gave."""

    client_id: str
    token: str
    seen: dict[str, set[str]] = field(default_factory=dict)
    wait: float = 0.0
    """Seconds that the last answer asked to wait."""

    @property
    def grant_id(self):
        """The grant that the token is of."""
        return self.token.split(".")[0]

    @property
    def generation(self):
        """How many refreshes the token knows of."""
        return int(self.token.split(".")[1])

    async def present(self, http, auth, token):
        """Ask one replica; status and body. A connection that breaks is status 0."""
        form = {"grant_type": "refresh_token", "client_id": self.client_id, "refresh_token": token}
        try:
            async with http.post(f"http://127.0.0.1:{auth.port}/token", data=form) as response:
                body = await response.json()
                self.wait = float(response.headers.get("Retry-After", 0))
        except (aiohttp.ClientError, TimeoutError):
            return 0, {}
        if response.status == 200:
            self.seen.setdefault(token, set()).add(body["refresh_token"])
        return response.status, body


async def replica_versions(pair, count):
    """`count` grants of one user with one client."""
    made = []
    async with PlainClient(pair) as client, user_agent(pair.username, pair.password) as user:
        for _ in range(count):
            tokens = await client.tokens(user)
            made.append(ReplicaKeyVersion(client.client_id, tokens["refresh_token"]))
    return made
