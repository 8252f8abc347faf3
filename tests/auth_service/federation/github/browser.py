"""A browser that signs in at the model of GitHub and returns to the callback."""

import dataclasses
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
from pydantic import TypeAdapter

from auth_service.federation.configuration import ProviderConfiguration
from auth_service.federation.github.provider import GitHubIdentityProvider
from auth_service.federation.provider import AuthorizationUrlRequest, PendingSignIn, Purpose

NOW = 1_800_000_000
CALLBACK = "https://auth.example/sign-in/callback/github"
ADAPTER: TypeAdapter[Any] = TypeAdapter(ProviderConfiguration)
READS_ORGANIZATIONS = {"organizations": True}


class SignIn:
    """Calls are sign-ins with an entry of the configuration; `changes` are members of it."""

    def __init__(self, github, http, *, client_secret):
        self._github = github
        self._http = http
        self._client_secret = client_secret

    def provider(self, **changes):
        entry = {
            "id": "github",
            "kind": "github",
            "display_name": "GitHub",
            "allow": {"everyone": True},
            "client_id": "app-1",
            "client_secret": self._client_secret,
            "origin": self._github.url,
        } | changes
        return GitHubIdentityProvider(
            ADAPTER.validate_python(entry),
            redirect_uri=CALLBACK,
            fetch=self._http,
            clock=lambda: NOW,
            monotonic=lambda: 0.0,
        )

    def pending(self, **changes):
        begun = PendingSignIn(
            state="state-of-this-sign-in",
            provider="github",
            issuer=self._github.url,
            purpose=Purpose.SIGN_IN,
            browser_hash="",
            transaction="",
            subject="",
            nonce="",
            code_verifier="verifier-of-this-sign-in-0123456789abcdefgh",
            started_at=NOW,
        )
        return dataclasses.replace(begun, **changes)

    async def callback(self, provider, pending=None, request=None):
        """What GitHub sends the browser back with, as the parameters of the callback."""
        url = await provider.authorization_url(pending or self.pending(), request or AuthorizationUrlRequest())
        async with (
            aiohttp.ClientSession() as session,
            session.get(url, allow_redirects=False) as response,
        ):
            assert response.status == 302, await response.text()
            location = urlsplit(response.headers["Location"])
        assert location._replace(query="").geturl() == CALLBACK
        return dict(parse_qsl(location.query))

    async def __call__(self, **changes):
        provider = self.provider(**changes)
        return await provider.identify(self.pending(), await self.callback(provider))
