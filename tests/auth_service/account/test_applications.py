import time

import pytest

from auth_service.account.listings import ApplicationList
from auth_service.clients.client import Client, ClientKind
from auth_service.grants.repository import GrantRepository
from auth_service.protocol.errors import UnknownClient
from auth_service.resources.catalogue import ProtectedResource, ResourceCatalogue, ResourceScope
from tests.support import grant_material
from tests.support.grant_material import DAY, NOW, RESOURCE, open_grant

KNOWN = ProtectedResource(
    identifier=RESOURCE, name="Notes", scopes={"notes:read": ResourceScope(description="Read your notes")}
)
OTHER = ProtectedResource(identifier="https://other.example/mcp", name="Other", scopes={})


class KnownClients:
    """Client look-up in a fixed set."""

    def __init__(self, *clients):
        self._clients = {client.client_id: client for client in clients}

    async def find(self, client_id):
        if client_id not in self._clients:
            raise UnknownClient("no client has this id")
        return self._clients[client_id]


async def listed(store, *clients, resource=KNOWN, now=NOW):
    applications = ApplicationList(
        grants=GrantRepository(store),
        clients=KnownClients(*clients),
        resources=ResourceCatalogue([resource]),
        access_token_seconds=3600,
    )
    return await applications.of("user", now=now)


async def test_a_grant_is_listed_with_what_is_known_of_it(store):
    await open_grant(store, index=True)
    (application,) = await listed(store)
    assert application.resource_name == "Notes"
    assert [(s.name, s.description) for s in application.scopes] == [("notes:read", "Read your notes")]
    assert (application.since, application.refreshed, application.address) == (application.used, None, "192.0.2.1")
    assert 0 <= time.time() - application.since < 60
    assert (application.redirect_host, application.on_device) == ("127.0.0.1", True)
    assert (application.client_host, application.verified) == (None, False)


async def test_only_what_the_operator_added_is_known_to_the_operator(store):
    await open_grant(store, index=True)
    for kind in ClientKind:
        (application,) = await listed(store, Client("client", kind, ("http://127.0.0.1/callback",)))
        assert application.verified is (kind is ClientKind.PRE_REGISTERED)


async def test_a_metadata_document_vouches_with_its_host_and_is_not_fetched_for_the_list(store, monkeypatch):
    monkeypatch.setattr(grant_material, "CLIENT", "https://app.example/oauth/client.json")
    await open_grant(store, index=True)
    (application,) = await listed(store)
    assert application.client_host == "app.example"


async def test_a_grant_at_a_resource_that_is_no_longer_configured_is_still_listed(store):
    await open_grant(store, index=True)
    (application,) = await listed(store, resource=OTHER)
    assert application.resource_name == RESOURCE
    assert [s.description for s in application.scopes] == ["notes:read"]


@pytest.mark.parametrize("later", [30 * DAY, 181 * DAY])
async def test_an_expired_grant_is_not_listed(store, later):
    await open_grant(store, index=True)
    assert await listed(store, now=time.time() + later) == ()
