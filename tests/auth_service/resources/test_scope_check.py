"""AUTH_RESOURCES is compared with what the resource publishes; a difference is told and changes nothing."""

import json
from typing import Any

import pytest
import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry
from pydantic import ValidationError
from structlog.testing import capture_logs

from auth_service.resources.catalogue import ProtectedResource
from auth_service.resources.scope_check import ResourceScopeCheck, resource_http_client, resource_metadata_url
from tests.support.service_server import ServiceServer

SCOPES = {"n:read": {"description": "Read"}, "n:write": {"description": "Write", "implies": ["n:read"]}}
SAME = {"n:read": [], "n:write": ["n:read"]}


class ResourceServer:
    """A resource server that publishes what a test wants."""

    def __init__(self):
        self.published: dict[str, Any] = SAME
        self.changes: dict[str, Any] = {}
        self.body = None
        app = web.Application()
        app.router.add_get("/.well-known/oauth-protected-resource/mcp", self.answer)
        self.server = ServiceServer(app)

    @property
    def resource(self):
        return str(self.server.make_url("/mcp"))

    async def answer(self, _request):
        if self.body is not None:
            return web.Response(body=self.body, content_type="application/json")
        document = {"resource": self.resource, "sallyport_scopes": self.published, **self.changes}
        return web.json_response({k: v for k, v in document.items() if v is not None})


@pytest.fixture
async def guard():
    running = ResourceServer()
    await running.server.start_server()
    yield running
    await running.server.close()


@pytest.fixture
async def make_check():
    clients = []

    def make(identifier, **changes):
        resource = ProtectedResource(identifier=identifier, name="Notes", scopes=SCOPES, **changes)
        clients.append(resource_http_client())
        registry = CollectorRegistry()
        check = ResourceScopeCheck([resource], http=clients[-1], registry=registry, log=structlog.get_logger())
        return check, registry

    yield make
    for client in clients:
        await client.close()


def count(registry, identifier):
    return registry.get_sample_value("sallyport_scope_differences", {"resource": identifier})


async def test_scopes_that_agree_are_no_impairment(guard, make_check):
    check, registry = make_check(guard.resource)
    with capture_logs() as entries:
        assert await check.check() is True
    readiness = await check.readiness()
    assert (readiness.ready, readiness.impaired, readiness.note) == (True, False, "")
    assert entries == []
    assert count(registry, guard.resource) == 0


async def test_a_difference_is_told_exactly_once_and_so_is_its_end(guard, make_check):
    check, registry = make_check(guard.resource)
    guard.published = {"n:read": [], "n:admin": []}
    with capture_logs() as entries:
        for _ in range(2):
            await check.check()
        readiness = await check.readiness()
        assert count(registry, guard.resource) == 2
        guard.published = SAME
        await check.check()
    assert (readiness.ready, readiness.impaired) == (True, True)
    assert "requires n:admin" in readiness.note
    assert "grants n:write" in readiness.note
    assert [entry["event"] for entry in entries] == ["resource_scopes_differ", "resource_scopes_agree"]
    assert "--print-resource" in entries[0]["hint"]
    assert not (await check.readiness()).impaired
    assert count(registry, guard.resource) == 0


@pytest.mark.parametrize(
    ("body", "changes"),
    [
        (b"not json", {}),
        (b" " * 70_000 + b"{}", {}),
        (None, {"resource": "https://other.example/mcp"}),
        (None, {"sallyport_scopes": None}),
        (None, {"sallyport_scopes": "all", "scopes_supported": "n:admin"}),
    ],
)
async def test_a_failed_comparison_changes_nothing(guard, make_check, body, changes):
    check, registry = make_check(guard.resource)
    guard.published = {"n:admin": []}
    await check.check()
    guard.body, guard.changes = body, changes
    assert await check.check() is False
    assert "n:admin" in (await check.readiness()).note
    assert count(registry, guard.resource) == 3


async def test_a_resource_that_is_away_is_no_difference(make_check):
    check, _ = make_check("http://127.0.0.1:1/mcp")
    with capture_logs() as entries:
        for _ in range(7):
            assert await check.check() is False
    assert not (await check.readiness()).impaired
    assert [entry["event"] for entry in entries] == ["resource_scopes_not_compared"]


async def test_a_resource_that_starts_a_little_later_is_not_reported(guard, make_check):
    check, _ = make_check(guard.resource)
    published, guard.body = guard.body, b"not yet"
    with capture_logs() as entries:
        for _ in range(4):
            assert await check.check() is False
        guard.body = published
        assert await check.check() is True
    assert entries == []


async def test_the_scopes_that_another_resource_server_names_must_be_known(guard, make_check):
    check, _ = make_check(guard.resource)
    guard.changes = {"sallyport_scopes": None, "scopes_supported": ["n:read", "theirs"]}
    assert await check.check() is True
    note = (await check.readiness()).note
    assert "requires theirs" in note
    assert "n:write" not in note


async def test_the_address_can_be_an_internal_one(guard, make_check):
    identifier = "https://tools.example/mcp"
    check, _ = make_check(
        identifier, metadata_url=str(guard.server.make_url("/.well-known/oauth-protected-resource/mcp"))
    )
    guard.changes = {"resource": identifier}
    assert await check.check() is True


def test_the_public_address_is_the_one_with_the_path_inserted():
    resource = ProtectedResource(identifier="https://tools.example/a/mcp", name="N", scopes=SCOPES)
    assert resource_metadata_url(resource) == "https://tools.example/.well-known/oauth-protected-resource/a/mcp"


@pytest.mark.parametrize("url", ["ftp://a/b", "https://user@a/b", "/relative", "https://a b/"])
def test_an_address_that_is_none_is_refused_at_start(url):
    with pytest.raises(ValidationError, match="metadata_url"):
        ProtectedResource.model_validate_json(
            json.dumps({"identifier": "https://a/mcp", "name": "N", "scopes": SCOPES, "metadata_url": url})
        )
