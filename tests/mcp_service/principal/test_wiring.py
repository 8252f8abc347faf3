"""What the settings select, and the JWKS of the running service."""

import dataclasses
import json
import time

import pytest
import structlog
from aiohttp import ClientSession, TCPConnector
from prometheus_client import CollectorRegistry

from mcp_service import app as application
from mcp_service.guard.scope_map import ScopeMap
from mcp_service.notes.scopes import NOTES_SCOPES
from mcp_service.principal.assertion import PrincipalAssertions
from mcp_service.principal.identity_headers import PrincipalHeaders
from mcp_service.principal.private_peers import PrivateResolver
from mcp_service.principal.wiring import wire_principal
from mcp_service.runtime import Runtime
from mcp_service.servers.wiring import configure_server
from mcp_service.settings import McpSettings
from shared.errors import Misconfigured
from tests.support.local_issuer import new_key
from tests.support.principals import verified_token
from tests.support.service_server import ServiceServer

KEY = json.dumps(new_key("guard-1", "ES256").as_dict(private=True))
SIGNED = {"MCP_UPSTREAM_IDENTITY": "assertion", "MCP_UPSTREAM_KEY": KEY}
SCOPES = ScopeMap.model_validate(NOTES_SCOPES)


def settings(**changes):
    return McpSettings.from_environment(
        {
            "MCP_ISSUER": "http://127.0.0.1:9",
            "MCP_RESOURCE": "http://localhost:9001/mcp",
            "MCP_UPSTREAM": "http://127.0.0.1:3000/mcp",
        }
        | changes
    )


def wired(**changes):
    runtime = Runtime(settings(**changes), CollectorRegistry(), structlog.get_logger(), time.time, time.monotonic)
    return wire_principal(runtime, SCOPES)


def sent(components):
    return components.handover.headers(verified_token(), method="POST", path="/mcp", body=b"")


async def test_headers_are_the_default_and_go_to_private_addresses_only():
    components = wired()
    assert isinstance(components.handover, PrincipalHeaders)
    assert sent(components)["Sallyport-Scopes"] == "notes:write notes:read"
    resolver = components.resolver()
    assert isinstance(resolver, PrivateResolver)
    await resolver.close()
    assert components.own_keys is None


async def test_assertions_may_go_anywhere():
    components = wired(MCP_UPSTREAM="https://server.example/mcp", **SIGNED)
    assert isinstance(components.handover, PrincipalAssertions)
    assert components.peers is None
    async with ClientSession(connector=TCPConnector(resolver=components.resolver())):
        pass


def test_nothing_is_told_on_request():
    assert sent(wired(MCP_UPSTREAM_IDENTITY="none")) == {}


@pytest.mark.parametrize("key", ["{}", "secret-but-no-key"])
def test_a_key_that_cannot_sign_is_refused_at_start_without_showing_it(key):
    with pytest.raises(Misconfigured, match="MCP_UPSTREAM_KEY") as refused:
        wired(**SIGNED | {"MCP_UPSTREAM_KEY": key})
    assert "secret" not in str(refused.value)


@pytest.fixture
async def service(request, monkeypatch, tmp_path):
    """The application as it runs with a server that gets assertions; the server itself is the notes example."""
    changes = dict(request.param)
    if "MCP_STATE_DIR" in changes:
        changes["MCP_STATE_DIR"] = str(tmp_path / "state")
    runtime = Runtime(settings(**changes), CollectorRegistry(), structlog.get_logger(), time.time, time.monotonic)
    own_keys = wire_principal(runtime, SCOPES).own_keys
    monkeypatch.setattr(
        application,
        "configure_server",
        lambda runtime: dataclasses.replace(configure_server(runtime), own_keys=own_keys),
    )
    server = ServiceServer(application.build_app(settings(MCP_UPSTREAM="")))
    await server.start_server()
    async with ClientSession() as http:
        yield lambda path, **headers: http.get(server.make_url(path), headers=headers)
    await server.close()


@pytest.mark.parametrize(
    "service", [SIGNED, {"MCP_UPSTREAM_IDENTITY": "assertion", "MCP_STATE_DIR": "x"}], indirect=True
)
async def test_the_jwks_is_where_the_metadata_say_and_ready_with_the_service(service):
    async with service("/.well-known/oauth-protected-resource/mcp") as answer:
        assert (await answer.json())["jwks_uri"] == "http://localhost:9001/mcp/jwks.json"
    documents, etag = [], ""
    for path in ("/mcp/jwks.json", "/.well-known/jwks.json"):
        async with service(path) as answer:
            assert (answer.status, answer.content_type) == (200, "application/json")
            assert answer.headers["Cache-Control"] == "public, max-age=300"
            documents.append(await answer.json())
            etag = answer.headers["ETag"]
    assert documents[0] == documents[1]
    assert {name for jwk in documents[0]["keys"] for name in jwk} == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    async with service("/mcp/jwks.json", **{"If-None-Match": etag}) as answer:
        assert (answer.status, await answer.read()) == (304, b"")
    async with service("/readyz") as answer:
        assert (await answer.json())["checks"]["assertion_keys"]["ready"]
