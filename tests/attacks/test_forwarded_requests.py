"""Requests that mcp_service forwards are counted by auth_service for the client that sent them."""

import asyncio

import pytest
import pytest_asyncio

from shared.errors import Misconfigured
from tests.support.auth_server import ISSUER, NOTES

FIRST, SECOND = "203.0.113.9", "203.0.113.10"
PROXIES = "127.0.0.0/8"


@pytest_asyncio.fixture
async def start_both(start_auth, make_service, issuer):
    """Start both: mcp_service forwards to auth_service, whose settings are given."""

    async def start(**settings):
        auth = await start_auth(**settings)
        address = str(auth.server.make_url("/")).rstrip("/")
        service = await make_service(
            issuer=ISSUER,
            resource=NOTES,
            jwks_url=f"{issuer.url}/.well-known/jwks.json",
            forward_oauth_to=address,
            trusted_proxies=(PROXIES,),
        )
        return auth, service

    return start


async def test_one_network_uses_up_its_own_allowance_only(start_both):
    _, service = await start_both(TRUSTED_PROXIES=PROXIES)

    async def register(address):
        metadata = {"redirect_uris": ["https://client.example/callback"]}
        headers = {"X-Forwarded-For": address}
        async with service.session.post(f"{service.root}/register", json=metadata, headers=headers) as response:
            return response.status

    # Sixty at once, and one more for every two seconds that this takes.
    async with asyncio.timeout(30):
        while await register(FIRST) == 201:
            pass
    assert await register(SECOND) == 201


async def test_forwarding_does_not_start_in_front_of_an_auth_service_that_would_count_all_clients_as_one(start_both):
    with pytest.raises(Misconfigured, match="AUTH_TRUSTED_PROXIES"):
        await start_both()


async def test_a_client_signs_in_and_refreshes_at_the_origin_of_the_resource(start_both):
    auth, service = await start_both(TRUSTED_PROXIES=PROXIES)
    await auth.users.add("ada", "violet anchor mossy tram")
    client = await auth.register()
    code = await auth.code(client)

    async def token(form):
        data = {"client_id": client.client_id, **form}
        async with service.session.post(f"{service.root}/token", data=data) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    first = await token(code.form())
    second = await token({"grant_type": "refresh_token", "refresh_token": first["refresh_token"]})
    assert second["refresh_token"] != first["refresh_token"]
