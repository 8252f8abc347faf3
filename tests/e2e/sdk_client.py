"""The mcp SDK's own client with its own OAuth provider: what most small clients are made of."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

    from tests.support.user_agent import UserAgent

Wire = Literal["auto", "legacy", "2026-07-28"]

REDIRECT_URI = "http://127.0.0.1:33418/callback"


class Memory:
    """A client's storage of its tokens and its registration."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.registration: OAuthClientInformationFull | None = None
        self.provider: OAuthClientProvider | None = None
        """Of the client that is connected with this memory."""

    def expire(self) -> None:
        """Let the client take its access token for one that has expired."""
        assert self.provider is not None
        self.provider.context.token_expiry_time = 1

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.registration

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.registration = client_info

    @property
    def access_token(self) -> str:
        assert self.tokens is not None
        return self.tokens.access_token


@asynccontextmanager
async def connected(
    resource: str,
    user: UserAgent,
    *,
    memory: Memory | None = None,
    wire: Wire = "auto",
    scope: str | None = None,
    tls: ssl.SSLContext | None = None,
    **options: Any,
) -> AsyncIterator[Client]:
    """A client of the SDK, connected; the user is asked whenever the client needs a new authorization.

    `tls` holds the trusted authorities; the usual ones when None. `options` are further ones of the SDK's client.
    """
    callbacks: list[dict[str, Any]] = []
    memory = memory or Memory()

    async def redirect(url: str) -> None:
        callbacks.append(await user.authorize(url))

    async def callback() -> AuthorizationCodeResult:
        return AuthorizationCodeResult(**{k: v for k, v in callbacks.pop().items() if k in {"code", "state", "iss"}})

    provider = OAuthClientProvider(
        server_url=resource,
        client_metadata=OAuthClientMetadata(
            client_name="A test client",
            redirect_uris=[AnyUrl(REDIRECT_URI)],
            grant_types=["authorization_code", "refresh_token"],
            response_types=["code"],
            token_endpoint_auth_method="none",
            scope=scope,
        ),
        storage=memory,
        redirect_handler=redirect,
        callback_handler=callback,
    )
    memory.provider = provider
    async with (
        httpx2.AsyncClient(auth=provider, timeout=30, follow_redirects=False, verify=tls or True) as http,
        Client(streamable_http_client(resource, http_client=http), mode=wire, **options) as client,
    ):
        yield client
