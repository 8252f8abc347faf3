"""Reading what a server lists: over HTTP and by a command, both eras, and bounded."""

import asyncio
import shlex
import ssl
import sys
from datetime import UTC, datetime

import pytest
from aiohttp import web

from mcp_service.servers.mcp_client import HttpAccess, configured_access
from mcp_service.servers.server_contents import MAX_PAGES, NoMcpServer, UnreadableServer, read_server
from mcp_service.settings import McpSettings
from shared.redis.certificate import ensure_certificate
from tests.support.service_server import ServiceServer

OLD_COMMAND = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if asked.get("method") == "initialize":
        result = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                  "serverInfo": {"name": "old", "version": "1"}}
    elif asked.get("method") == "tools/list":
        result = {"tools": [{"name": "pwd", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": True}}]}
    else:
        sys.exit(3) if "id" in asked else None
        continue
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)
"""


@pytest.fixture
async def serve():
    servers = []

    async def start(handler):
        app = web.Application()
        app.router.add_route("*", "/mcp", handler)
        server = ServiceServer(app)
        await server.start_server()
        servers.append(server)
        return str(server.make_url("/mcp"))

    yield start
    for server in servers:
        await server.close()


def old_server(pages):
    """A server of the older protocol alone: `pages` are the answers to tools/list."""
    asked_for: list[str] = []

    async def answer(request):
        if request.method != "POST":
            return web.Response(status=405)
        asked = await request.json()
        if "id" not in asked:
            return web.Response(status=202)
        result = {
            "initialize": lambda: {
                "protocolVersion": "2025-06-18",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "old", "version": "1"},
            },
            "tools/list": lambda: pages(asked_for),
        }.get(asked["method"])
        if result is None:
            return web.Response(status=400)
        asked_for.append(asked["method"])
        return web.json_response({"jsonrpc": "2.0", "id": asked["id"], "result": result()})

    return answer


async def read(source, headers=(), seconds=15):
    return await read_server(source, access=HttpAccess(dict(headers)), seconds=seconds)


async def test_a_server_of_this_era_is_read_over_http(service):
    found = await read(service.url, service.auth(scope="notes:write").items())
    assert found.name == "Notes"
    assert {tool.name for tool in found.tools} == {"whoami", "list_notes", "add_note", "delete_note"}


async def test_a_server_of_the_older_protocol_alone_is_read_over_http(serve):
    def pages(_asked):
        return {"tools": [{"name": "one", "inputSchema": {"type": "object"}}]}

    assert [tool.name for tool in (await read(await serve(old_server(pages)))).tools] == ["one"]


async def test_a_command_of_the_older_protocol_that_ends_at_any_other_request_is_read():
    found = await read(shlex.join([sys.executable, "-c", OLD_COMMAND]))
    assert (found.name, [(t.name, t.reads_only) for t in found.tools]) == ("old", [("pwd", True)])


async def test_a_server_that_wants_credentials_of_its_own_is_told(service):
    with pytest.raises(UnreadableServer, match=r"answers 401, so it wants credentials .* --header"):
        await read(service.url)


async def answer_html(_request):
    return web.Response(text="<html>", content_type="text/html")


async def answer_404(_request):
    return web.Response(status=404)


async def answer_redirect(_request):
    return web.Response(status=307, headers={"Location": "/mcp/"})


@pytest.mark.parametrize(
    ("handler", "complaint"),
    [
        (answer_html, "text/html; charset=utf-8, which is not MCP"),
        (answer_404, r"404\); the path is often /mcp"),
        (answer_redirect, "redirect to '/mcp/': name that URL"),
        (old_server(lambda _asked: {"tools": []}), "no tools, prompts or resources"),
        (old_server(lambda asked: {"tools": [], "nextCursor": str(len(asked))}), f"does not end.* {MAX_PAGES} pages"),
    ],
)
async def test_what_is_no_server_to_read_is_told(serve, handler, complaint):
    with pytest.raises(UnreadableServer, match=complaint):
        await read(await serve(handler))


async def test_a_server_without_tls_is_told(serve):
    url = await serve(answer_404)
    with pytest.raises(UnreadableServer, match=r"no TLS connection: \[SSL"):
        await read(url.replace("http:", "https:"))


async def test_a_server_that_never_answers_is_given_up(serve):
    async def hang(_request):
        await asyncio.get_running_loop().create_future()

    url = await serve(hang)
    with pytest.raises(UnreadableServer, match=r"within 0\.2 seconds"):
        await read(url, seconds=0.2)


@pytest.fixture
def certificate(tmp_path):
    """TLS of a server at localhost; the authority is in ca.pem."""
    ensure_certificate(tmp_path, ["localhost"], now=datetime.now(UTC))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "server.pem")
    return tls


@pytest.fixture
async def listen():
    """Serve one server of the older protocol at a site of any kind."""
    runners = []

    async def start(make_site, *, requires=None):
        answer = old_server(lambda _asked: {"tools": [{"name": "one", "inputSchema": {"type": "object"}}]})

        async def handle(request):
            missing = [name for name, value in (requires or {}).items() if request.headers.get(name) != value]
            return web.Response(status=400, text=f"no {missing}") if missing else await answer(request)

        app = web.Application()
        app.router.add_route("*", "/mcp", handle)
        runner = web.AppRunner(app)
        await runner.setup()
        runners.append(runner)
        await make_site(runner).start()
        return runner.addresses[0]

    yield start
    for runner in runners:
        await runner.cleanup()


def settings(**values):
    return McpSettings.from_environment(
        {"MCP_ISSUER": "https://auth.example", "MCP_RESOURCE": "https://tools.example/mcp"}
        | {f"MCP_UPSTREAM{name}": value for name, value in values.items()}
    )


async def read_configured(settings):
    return await read_server(settings.upstream, access=configured_access(settings, further={}), seconds=15)


async def test_the_configured_server_is_read_through_its_socket_with_its_host_and_headers(listen, tmp_path):
    path = str(tmp_path / "mcp.sock")
    await listen(lambda runner: web.UnixSite(runner, path), requires={"Host": "tools.internal", "X-Key": "good"})
    configured = settings(**{"": "http://localhost/mcp", "_SOCKET": path, "_HOST": "tools.internal"})
    with pytest.raises(NoMcpServer, match="it answers 400"):
        await read_configured(configured)
    configured = settings(
        **{"": "http://localhost/mcp", "_SOCKET": path, "_HOST": "tools.internal", "_HEADERS": '{"X-Key": "good"}'}
    )
    assert [tool.name for tool in (await read_configured(configured)).tools] == ["one"]


async def test_a_socket_at_which_nothing_listens_is_named(tmp_path):
    path = str(tmp_path / "mcp.sock")
    with pytest.raises(NoMcpServer, match=f"nothing answers at the socket {path}"):
        await read_configured(settings(**{"": "http://localhost/mcp", "_SOCKET": path}))


async def test_the_certificate_of_the_configured_server_is_checked_against_its_own_authority(
    listen, certificate, tmp_path
):
    _, port = await listen(lambda runner: web.TCPSite(runner, "localhost", 0, ssl_context=certificate))
    url = f"https://localhost:{port}/mcp"
    with pytest.raises(NoMcpServer, match="no TLS connection"):
        await read_configured(settings(**{"": url}))
    configured = settings(**{"": url, "_CA_FILE": str(tmp_path / "ca.pem")})
    assert [tool.name for tool in (await read_configured(configured)).tools] == ["one"]


async def test_a_server_that_speaks_tls_where_http_is_configured_is_told(listen, certificate):
    _, port = await listen(lambda runner: web.TCPSite(runner, "127.0.0.1", 0, ssl_context=certificate))
    with pytest.raises(NoMcpServer, match="it speaks TLS: begin the URL with https://"):
        await read(f"http://127.0.0.1:{port}/mcp")
