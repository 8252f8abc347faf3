"""Refresh token families: each token is exchanged for a successor, and every successor is kept."""

from __future__ import annotations

from dataclasses import dataclass, field

import aiohttp

from tests.support.plain_client import PlainClient
from tests.support.user_agent import user_agent


@dataclass
class RefreshTokenFamily:
    """The refresh tokens of one grant. `token` is the current one; `successors` maps a token to those issued for it."""

    client_id: str
    token: str
    successors: dict[str, set[str]] = field(default_factory=dict)
    wait: float = 0.0
    """Seconds that the last answer asked to wait."""

    @property
    def grant_id(self):
        """Identifier of the grant."""
        return self.token.split(".")[0]

    @property
    def generation(self):
        """Number of refreshes before the token was issued."""
        return int(self.token.split(".")[1])

    async def present(self, http, auth, token):
        """Present a token to one replica; status and body. Status 0 if the connection breaks."""
        form = {"grant_type": "refresh_token", "client_id": self.client_id, "refresh_token": token}
        try:
            async with http.post(f"http://127.0.0.1:{auth.port}/token", data=form) as response:
                body = await response.json()
                self.wait = float(response.headers.get("Retry-After", 0))
        except (aiohttp.ClientError, TimeoutError):
            return 0, {}
        if response.status == 200:
            self.successors.setdefault(token, set()).add(body["refresh_token"])
        return response.status, body


async def refresh_token_families(pair, count):
    """The families of `count` grants of one user to one client."""
    made = []
    async with PlainClient(pair) as client, user_agent(pair.username, pair.password) as user:
        for _ in range(count):
            tokens = await client.tokens(user)
            made.append(RefreshTokenFamily(client.client_id, tokens["refresh_token"]))
    return made
