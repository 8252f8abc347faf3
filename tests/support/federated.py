"""A service with one identity provider in memory, a scope that requires a group of it, and users that sign in there."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from tests.support.auth_server import NOTES, RESOURCES, AuthServer, Client, Code
from tests.support.fake_provider import Upstreams, sign_in_at
from tests.support.oauth import unverified_claims
from tests.support.user_agent import Answer, UserAgent

STAFF: Final = {"groups": ["staff"]}
"""The condition of `notes:write`."""


def resources(
    *, claims: Sequence[str] = (), requires: Mapping[str, Any] | None = STAFF, further: Sequence[str] = ()
) -> str:
    """AUTH_RESOURCES: `notes:admin` implies `notes:write`, which requires a group. `further` are scopes as well."""
    [notes] = [r for r in RESOURCES if r["identifier"] == NOTES]
    known = {
        "notes:read": {"description": "Read your notes"},
        "notes:write": {"description": "Write notes", **({"requires": requires} if requires else {})},
        "notes:admin": {"description": "Manage notes", "implies": ["notes:write"]},
    }
    scopes = known | {name: {"description": name} for name in further}
    return json.dumps([{**notes, "scopes": scopes, "claims": list(claims)}])


def providers(upstreams: Upstreams, **changes: Any) -> str:
    """AUTH_IDENTITY_PROVIDERS, with changes to its entry."""
    [entry] = json.loads(upstreams.setting)
    return json.dumps([entry | changes])


class Federated:
    """A service with one provider, and the ways in which a test signs in and starts it again."""

    def __init__(self, start_auth: Callable[..., Awaitable[AuthServer]]) -> None:
        self.upstreams = Upstreams("acme")
        self._start = start_auth

    async def start(self, **changes: Any) -> AuthServer:
        """Start a replica with these settings."""
        changes = {"RESOURCES": resources(), "IDENTITY_PROVIDERS": self.upstreams.setting} | changes
        return await self._start(build_provider=self.upstreams.build, **changes)

    def state(self, **statement: Any) -> None:
        """Set the provider's statement at the next sign-in."""
        self.upstreams["acme"].statement = statement

    async def sign_in(self, server: AuthServer) -> None:
        """Sign in again, in a browser of its own."""
        user = server.user_agent()
        await sign_in_at(user, await user.get("/sign-in"), "acme")

    async def consent(
        self, server: AuthServer, client: Client, user: UserAgent | None = None, **changes: object
    ) -> tuple[UserAgent, Answer, str]:
        """Sign in through the provider; the consent page, and the verifier."""
        user = user or server.user_agent()
        url, verifier = server.authorization(client, **{"scope": "notes:read notes:write notes:admin"} | changes)
        answer = await user.get(url)
        if any(name == "provider" for form in answer.forms for name, _ in form.buttons):
            answer = await user.follow(await sign_in_at(user, answer, "acme"))
        return user, answer, verifier

    async def code(self, server: AuthServer, client: Client, **changes: Any) -> Code:
        """Sign in, and approve."""
        user, page, verifier = await self.consent(server, client, **changes)
        return Code(await user.decide(page), verifier, client)

    async def tokens(self, server: AuthServer, client: Client, **changes: Any) -> dict[str, Any]:
        """The whole code flow; the token response."""
        answer = await server.redeem(await self.code(server, client, **changes))
        assert answer.status == 200, answer.text
        response: dict[str, Any] = answer.json
        return response


def grant_of(tokens: Mapping[str, Any]) -> str:
    """The grant of a token response."""
    grant_id: str = unverified_claims(tokens["access_token"])["gid"]
    return grant_id


def error_of(server: AuthServer, answer: Answer) -> Any:
    """The error id of an answer, from the log."""
    return server.log_of(answer.headers["X-Request-Id"]).get("error_id")
