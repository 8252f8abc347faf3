"""The mcp SDK's client, 1.9 to 2.x, with its tokens in a file: a second process goes on with what the first stored.

Started in an environment of its own: `restarted_sdk_client.py RESOURCE DIRECTORY first|again`. Tells each step as JSON.
"""

import asyncio
import contextlib
import json
import sys
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from mcp.client import streamable_http
from mcp.client.auth import OAuthClientProvider
from mcp.shared import auth


def tell(**message):
    print(json.dumps(message), flush=True)


class Files:
    """The client's storage. The SDK stores no time of expiry, so that an application has to."""

    def __init__(self, directory):
        self._tokens = directory / "tokens.json"
        self._client = directory / "client.json"
        self._expiry = directory / "expiry"

    async def get_tokens(self):
        return auth.OAuthToken.model_validate_json(self._tokens.read_text()) if self._tokens.exists() else None

    async def set_tokens(self, tokens):
        self._tokens.write_text(tokens.model_dump_json())
        self._expiry.write_text(str(time.time() + tokens.expires_in))

    async def get_client_info(self):
        if not self._client.exists():
            return None
        return auth.OAuthClientInformationFull.model_validate_json(self._client.read_text())

    async def set_client_info(self, client_info):
        self._client.write_text(client_info.model_dump_json())

    def expiry(self):
        return float(self._expiry.read_text()) if self._expiry.exists() else None


async def callback():
    answer = json.loads(await asyncio.to_thread(sys.stdin.readline))
    if hasattr(auth, "AuthorizationCodeResult"):
        return auth.AuthorizationCodeResult(**{k: v for k, v in answer.items() if k in {"code", "state", "iss"}})
    return answer["code"], answer["state"]


async def redirect(url):
    tell(visit=url, client_id=parse_qs(urlsplit(url).query)["client_id"][0])


@contextlib.asynccontextmanager
async def connected(resource, provider):
    """A function that calls a tool."""
    if hasattr(streamable_http, "streamablehttp_client"):
        from mcp import ClientSession

        async with (
            streamable_http.streamablehttp_client(resource, auth=provider) as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            yield session.call_tool
    else:
        import httpx2
        from mcp import Client

        async with (
            httpx2.AsyncClient(auth=provider, timeout=30) as http,
            Client(streamable_http.streamable_http_client(resource, http_client=http)) as client,
        ):
            yield client.call_tool


async def main(resource, directory, phase):
    storage = Files(Path(directory))
    provider = OAuthClientProvider(
        server_url=resource,
        client_metadata=auth.OAuthClientMetadata(
            client_name="A restarted client",
            redirect_uris=["http://127.0.0.1:33418/callback"],
            grant_types=["authorization_code", "refresh_token"],
            response_types=["code"],
            token_endpoint_auth_method="none",
            scope="notes:read notes:write",
        ),
        storage=storage,
        redirect_handler=redirect,
        callback_handler=callback,
    )
    if storage.expiry() is not None:
        if hasattr(provider, "context"):
            provider.context.token_expiry_time = storage.expiry()
        else:
            vars(provider)["_token_expiry_time"] = storage.expiry()
    async with connected(resource, provider) as call_tool:
        await call_tool("whoami", {})
        tell(step=phase)
        if phase == "again":
            stored = (await storage.get_tokens()).access_token
            await asyncio.sleep(storage.expiry() - time.time() + 1)
            await call_tool("whoami", {})
            tell(step="renewed", another=(await storage.get_tokens()).access_token != stored)
    tell(step="done")


asyncio.run(main(*sys.argv[1:]))
