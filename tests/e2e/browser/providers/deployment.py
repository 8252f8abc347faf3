"""A deployment with two OpenID providers, a page of the operator, a provider that is away, and passwords."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from typing import Any, Final, Self

from tests.e2e.pair import Pair
from tests.support.free_ports import free_port
from tests.support.operator_site import OperatorSite
from tests.support.provider_site import ProviderSite

RESOURCE: Final = "https://notes.example.com/mcp"
_RESOURCES: Final = [
    {
        "identifier": RESOURCE,
        "name": "Notes",
        "scopes": {
            "notes:read": {"description": "Read your notes"},
            "notes:write": {"description": "Write notes", "implies": ["notes:read"]},
            "notes:admin": {"description": "Manage the notes of all", "requires": {"groups": ["staff"]}},
        },
        "default_scopes": ["notes:read"],
        "claims": ["email", "groups"],
    }
]


class Deployment:
    """auth_service as a process for a whole session; the sites of the providers, for each test, in the test's loop."""

    def __init__(self, only: str = "", **own: str) -> None:
        """`only` is the id of the provider if there is one; `own` has further settings."""
        self.acme = ProviderSite("acme", "Acme", groups_claim="groups", deny={"subjects": ["mallory"]})
        self.globex = ProviderSite("globex", "Globex", response_mode="form_post")
        self.away: dict[str, Any] = self.acme.entry | {
            "id": "initech",
            "display_name": "Initech",
            "issuer": f"http://127.0.0.1:{free_port(('127.0.0.1',))}",
        }
        self.operator = OperatorSite(issuer="https://app.example.com")
        operator_entry = {
            "id": "app",
            "kind": "external",
            "display_name": "Example App",
            "page": f"{self.operator.url}/sign-in/mcp",
            "issuer": self.operator.issuer,
            "jwks": self.operator.public,
            "allow": {"everyone": True},
        }
        entries = [self.acme.entry, self.globex.entry, operator_entry, self.away]
        entries = [entry for entry in entries if only in {"", entry["id"]}]
        settings = {"AUTH_IDENTITY_PROVIDERS": json.dumps(entries), "AUTH_RESOURCES": json.dumps(_RESOURCES)}
        self.pair = Pair(mcp=0, resource=RESOURCE, own=settings | own)
        self.operator.sallyport = self.pair.issuer

    async def __aenter__(self) -> Self:
        """Start the sites."""
        self._sites = AsyncExitStack()
        for site in (self.acme, self.globex, self.operator):
            await self._sites.enter_async_context(site)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._sites.aclose()
