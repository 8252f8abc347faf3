"""What a server over HTTP receives of the caller, whatever the client sends beside it."""

import asyncio
import json

import aiohttp
import jwt
import pytest
from aiohttp import web

from examples.verify_assertion.verify import AssertionVerifier
from tests.support.local_issuer import new_key

KEY = json.dumps(new_key("guard-1", "ES256").as_dict(private=True))
FORGED = {
    "Sallyport-Subject": "admin",
    "sallyport_subject": "admin",
    "Sallyport.Subject": "admin",
    "Sallyport-Assertion": "e.e.e",
    "Sallyport-Claim-Groups": "admins,",
    "Sallyport-Later": "admin",
}
OWN = {
    "Sallyport-Subject": "user-1",
    "Sallyport-Client": "client-1",
    "Sallyport-Scopes": "mcp:tools",
    "Sallyport-Claim-Email": "ann%2Bmcp@example.com",
    "Sallyport-Claim-Groups": "",
}


class Upstream:
    """A server that keeps what it receives, and answers with identity headers of its own."""

    def __init__(self):
        self.received = []

    async def start(self):
        app = web.Application()
        app.add_routes([web.post("/mcp", self._answer)])
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self):
        await self._runner.cleanup()

    async def _answer(self, request):
        self.received.append((request.headers, request.path_qs, await request.read()))
        body = {"jsonrpc": "2.0", "id": 1, "result": {}}
        return web.json_response(body, headers={"Sallyport-Subject": "admin", "sallyport~subject": "admin"})

    @property
    def identity(self):
        """Every header of the last request that begins as ours do."""
        headers, _, _ = self.received[-1]
        return {name: value for name, value in headers.items() if name.lower().startswith("sallyport")}


@pytest.fixture
async def upstream():
    server = Upstream()
    await server.start()
    yield server
    await server.stop()


async def call(service, **claims):
    """Call a tool with forged headers beside the token; the status and the headers of the answer."""
    async with await service.call("any", headers=FORGED, scope="mcp:tools", **claims) as answer:
        await answer.read()
        return answer.status, answer.headers


@pytest.mark.invariant(14)
async def test_the_server_gets_the_guards_headers_and_none_of_the_clients(make_service, upstream):
    service = await make_service(upstream=f"http://127.0.0.1:{upstream.port}/mcp", upstream_claims=("email", "groups"))
    status, headers = await call(service, email="ann+mcp@example.com")
    assert status == 200
    assert upstream.identity == OWN | {"Sallyport-Issuer": service.issuer.url}
    assert "Authorization" not in upstream.received[-1][0]
    assert [name for name in headers if name.lower().startswith("sallyport")] == []


@pytest.mark.invariant(14)
async def test_a_server_that_is_told_nothing_gets_nothing(make_service, upstream):
    service = await make_service(upstream=f"http://127.0.0.1:{upstream.port}/mcp", upstream_identity="none")
    assert (await call(service))[0] == 200
    assert upstream.identity == {}


@pytest.mark.invariant(14)
async def test_the_server_gets_one_assertion_for_its_own_request(make_service, upstream):
    service = await make_service(
        upstream=f"http://127.0.0.1:{upstream.port}/mcp?a=1",
        upstream_identity="assertion",
        upstream_key=KEY,
        upstream_claims=("email",),
    )
    verifier = AssertionVerifier("http://localhost:9001/mcp", f"http://127.0.0.1:{upstream.port}/mcp?a=1")
    verifier._keys = jwt.PyJWKClient(f"{service.url}/jwks.json")
    for _ in range(2):
        assert (await call(service, email="ann@example.com"))[0] == 200
        assert set(upstream.identity) == {"Sallyport-Assertion"}
        _, path, body = upstream.received[-1]
        claims = await asyncio.to_thread(verifier.verify, upstream.identity["Sallyport-Assertion"], "POST", path, body)
        assert (claims["sub"], claims["claims"]) == ("user-1", {"email": "ann@example.com"})


@pytest.mark.invariant(14)
@pytest.mark.parametrize("address", ["203.0.113.7", "169.254.169.254", "::ffff:8.8.8.8"])
async def test_no_header_leaves_for_a_name_that_leads_outside(make_service, upstream, monkeypatch, address):
    """The settings accept the name; its address may change at any time."""
    asked = []

    async def resolve(self, host, port=0, family=0):
        asked.append(host)
        return [{"hostname": host, "host": address, "port": port, "family": family, "proto": 0, "flags": 0}]

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", resolve)
    service = await make_service(upstream=f"http://server.internal:{upstream.port}/mcp", upstream_private=("true",))
    assert (await call(service))[0] == 502
    assert set(asked) == {"server.internal"}
    assert "MCP_UPSTREAM_PRIVATE" in service.errors()[-1]["reason"]
    assert upstream.received == []


@pytest.mark.invariant(14)
async def test_a_user_with_too_many_groups_is_refused_before_the_server_is_asked(make_service, upstream):
    service = await make_service(upstream=f"http://127.0.0.1:{upstream.port}/mcp", upstream_claims=("groups",))
    assert (await call(service, groups=["g" * 50] * 100))[0] == 403
    assert service.errors()[-1]["error_id"] == "principal_size"
    assert upstream.received == []


@pytest.mark.invariant(14)
async def test_a_request_that_is_repeated_has_another_assertion(make_service):
    """The server has read the first one perhaps, and refuses its second use."""
    heads: list[str] = []

    async def serve(reader, writer):
        """Answer the first request of all, and those on a second connection; close the first one at its second."""
        is_first = not heads
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            heads.append(head.decode())
            await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
            if is_first and len(heads) == 2:
                break
            body = b'{"jsonrpc": "2.0", "id": 1, "result": {}}'
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body))
            writer.write(body)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    service = await make_service(
        upstream=f"http://127.0.0.1:{port}/mcp", upstream_identity="assertion", upstream_key=KEY
    )
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    headers = service.auth(scope="mcp:tools") | {"Accept": "application/json, text/event-stream"}
    for _ in range(2):
        async with service.session.post(service.url, json=body, headers=headers) as answer:
            assert (answer.status, (await answer.json())["id"]) == (200, 1)
    assert len({head.split("Sallyport-Assertion: ")[1].split()[0] for head in heads}) == len(heads) == 3
    server.close()
