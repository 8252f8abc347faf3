"""Whether the server is there is seen in the background, and how it is reached is configured."""

import asyncio
import ssl
from datetime import UTC, datetime

import pytest
from aiohttp import web

from shared.errors import Misconfigured
from shared.redis.certificate import ensure_certificate
from tests.mcp_service.principal.test_private_peers import FixedResolver
from tests.mcp_service.servers.http_upstream.conftest import Caller
from tests.support.raw_upstream import RawUpstream
from tests.support.service_server import ServiceServer


@pytest.fixture(autouse=True)
def quick_checks(monkeypatch):
    monkeypatch.setattr("mcp_service.servers.http_upstream.availability.CHECK_SECONDS", 0.01)


async def until_available(service, *, available=True):
    """The check of the server in `/readyz`, and the status."""
    async with asyncio.timeout(10):
        while True:
            async with service.session.get(f"{service.root}/readyz") as response:
                answer = await response.json()
                check = answer["checks"]["server"]
                is_available = check["ready"] and "server" not in answer["impaired"]
                if answer["checks"]["keys"]["ready"] and is_available is available:
                    return check | {"status": response.status}
            await asyncio.sleep(0.01)


async def test_the_service_starts_before_the_server_and_serves_calls_with_it(upstream, make_guard):
    port = upstream.port
    await upstream.stop()
    service = await make_guard()
    async with asyncio.timeout(10):
        while not [e for e in service.logs if e["event"] == "upstream_unavailable"]:  # noqa: ASYNC110 - as until_available
            await asyncio.sleep(0.01)
    assert (await until_available(service, available=False))["status"] == 503
    await upstream.start(port)
    assert (await until_available(service))["status"] == 200
    async with Caller(service).call() as response:
        assert response.status == 200


async def test_it_is_impaired_while_the_server_is_away_and_recovers_by_itself(upstream, make_guard):
    service = await make_guard()
    await until_available(service)
    await upstream.stop()
    check = await until_available(service, available=False)
    assert "refused" in check["note"].lower()
    assert check["status"] == 200
    await upstream.start(upstream.port)
    await until_available(service)
    assert [e["event"] for e in service.logs if e["event"].startswith("upstream_")] == [
        "upstream_available",
        "upstream_unavailable",
        "upstream_available",
    ]


async def test_the_state_is_a_metric(upstream, make_guard):
    service = await make_guard()
    await until_available(service)
    async with service.session.get(f"{service.root}/metrics") as response:
        assert "sallyport_upstream_available 1.0" in await response.text()


async def tls_problem(service):
    """The note of the check when TLS has failed."""
    async with asyncio.timeout(10):
        while "TLS" not in (note := (await until_available(service, available=False))["note"]):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return note


async def test_tls_with_a_server_that_has_none_is_told(make_service):
    async with ServiceServer(web.Application()) as without_tls:
        service = await make_service(upstream=str(without_tls.make_url("/mcp").with_scheme("https")))
        assert (await tls_problem(service)).endswith("does the server speak http?")


@pytest.fixture
async def other():
    """A server that the test starts."""
    raw = RawUpstream()
    yield raw
    await raw.stop()


async def test_a_unix_socket_takes_the_place_of_host_and_port(make_service, other, tmp_path):
    await other.start(socket=str(tmp_path / "mcp.sock"))
    service = await make_service(upstream="http://localhost/mcp", upstream_socket=str(tmp_path / "mcp.sock"))
    await until_available(service)
    for _ in range(2):
        async with Caller(service).call() as response:
            assert response.status == 200
    assert other.requests[0].headers["host"] == "localhost"


async def test_certificates_that_cannot_be_read_stop_the_start(make_service, tmp_path):
    with pytest.raises(Misconfigured, match="MCP_UPSTREAM_CA_FILE"):
        await make_service(upstream="https://localhost/mcp", upstream_ca_file=str(tmp_path / "none.pem"))


async def test_tls_is_checked_against_the_private_authority(make_service, other, tmp_path):
    ensure_certificate(tmp_path, ["localhost"], now=datetime.now(UTC))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "server.pem")
    await other.start(tls=tls)
    url = f"https://localhost:{other.port}/mcp"
    service = await make_service(upstream=url, upstream_ca_file=str(tmp_path / "ca.pem"))
    await until_available(service)
    async with Caller(service).call() as response:
        assert response.status == 200
    stranger = await make_service(upstream=url)
    assert (await tls_problem(stranger)).endswith("set MCP_UPSTREAM_CA_FILE to its authority")
    async with Caller(stranger).call() as response:
        assert response.status == 502, stranger.errors()
    assert stranger.errors()[-1]["error_id"] == "upstream_refused"


async def test_a_name_that_leads_to_others_is_not_available(upstream, make_guard, monkeypatch):
    """No request would be sent there, with or without a connection."""
    resolver = FixedResolver("127.0.0.1", "203.0.113.7")
    monkeypatch.setattr("mcp_service.principal.wiring.ThreadedResolver", lambda: resolver)
    service = await make_guard(upstream=f"http://localhost:{upstream.port}/mcp")
    check = await until_available(service, available=False)
    assert (check["status"], check["ready"]) == (503, False)
    assert "203.0.113.7 is neither loopback" in check["note"]
    resolver.addresses = ("127.0.0.1",)
    assert (await until_available(service))["status"] == 200
