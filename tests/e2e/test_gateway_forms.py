"""The gateway as it is configured by .env: plain, one name with HTTPS, two names with HTTPS. A real Caddy each time."""

import asyncio
import json
import os
import socket
import subprocess
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import httpx2
import pytest

from tests.e2e.gateway import CADDY, FILES, Gateway, has_caddy
from tests.e2e.pair import Pair
from tests.e2e.sdk_client import connected
from tests.support.user_agent import Answer, user_agent

pytestmark = [
    pytest.mark.long,
    pytest.mark.caddy,
    pytest.mark.skipif(not has_caddy(), reason="Caddy 2.11.2 or newer is not installed"),
    pytest.mark.timeout(180),
]


@pytest.fixture(scope="module", params=["plain", "one host", "two hosts"])
def behind(request):
    """A pair behind a gateway of each form."""
    gateway = Gateway(request.param)
    pair = Pair(auth=2, mcp=2, gateway=gateway)
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        try:
            runner.run(pair.start())
            yield gateway, pair
        finally:
            runner.run(pair.close())


async def answer_of(gateway: Gateway, url: str, method: str = "GET", **options: Any) -> Answer:
    """The answer, read to its end: a connection with TLS that is left before takes longer to close than the test."""
    connector = aiohttp.TCPConnector(ssl=gateway.trust()) if gateway.secure else None
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        http.request(method, url, allow_redirects=False, **options) as answer,
    ):
        return await Answer.read(answer)


@pytest.fixture(autouse=True)
def names_below_localhost(monkeypatch):
    """They mean this machine (RFC 6761 section 6.3), which not every resolver knows."""
    ask = socket.getaddrinfo

    def find(host, *arguments, **options):
        name = host.decode() if isinstance(host, bytes) else host
        return ask("127.0.0.1" if name and name.endswith(".localhost") else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", find)


async def test_a_client_signs_in_and_calls_a_tool(behind):
    gateway, pair = behind
    tls = gateway.trust() if gateway.secure else None
    async with (
        user_agent(pair.username, pair.password, tls=tls) as user,
        connected(pair.resource, user, tls=tls, scope="notes:read notes:write") as client,
    ):
        assert not (await client.call_tool("add_note", {"text": "through the gateway"})).is_error
        listed = await client.call_tool("list_notes", {})
        assert "through the gateway" in "".join(block.text for block in listed.content)


INTERNAL = [
    *("/metrics", "/readyz", "/livez", "/metrics/", "/METRICS", "//metrics", "/./metrics", "/x/../metrics"),
    *("/%6detrics", "/metrics%2f", "/metrics?x", "/mcp/../metrics", "/mcp/..%2fmetrics", "/;/metrics", "/readyz%00"),
]


@pytest.mark.parametrize("path", INTERNAL)
async def test_nothing_internal_is_reachable_from_outside(behind, path):
    gateway, _pair = behind
    for url in {gateway.auth_url, gateway.mcp_url}:
        host, port = urlsplit(url).hostname, urlsplit(url).port
        tls = gateway.trust() if gateway.secure else None
        # By hand, so that no client tidies the path up.
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=tls, server_hostname=host if tls else None
        )
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        answer = (await reader.read()).decode()
        writer.close()
        await writer.wait_closed()
        assert answer.split()[1] in {"400", "404"}, answer
        assert "sallyport_" not in answer
        assert '"checks"' not in answer


@pytest.mark.parametrize("path", ["/mcp", "/.well-known/jwks.json", "/metrics", "/nothing"])
async def test_no_answer_names_a_server_and_https_is_for_good(behind, path):
    """Answers of the services and of the gateway itself."""
    gateway, _pair = behind
    for url in {gateway.auth_url, gateway.mcp_url}:
        answer = await answer_of(gateway, f"{url}{path}")
        assert "Server" not in answer.headers
        expected = ["max-age=63072000"] if gateway.secure else []
        assert answer.headers.getall("Strict-Transport-Security", []) == expected


BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.mark.parametrize("path", ["/", "/nothing", "/mcp"])
async def test_a_browser_sees_a_page_with_a_way_on_at_either_host(behind, path):
    gateway, pair = behind
    for url in {gateway.auth_url, gateway.mcp_url}:
        answer = await answer_of(gateway, f"{url}{path}", headers=BROWSER)
        assert answer.headers["Content-Type"].startswith("text/html")
        assert 'href="/account"' in answer.text or pair.resource in answer.text


async def test_plain_http_is_sent_on_to_https_where_there_is_a_name(behind):
    gateway, _pair = behind
    if not gateway.secure:
        pytest.skip("this form has no HTTPS")
    for url in {gateway.auth_url, gateway.mcp_url}:
        name = urlsplit(url).hostname
        answer = await answer_of(gateway, f"http://127.0.0.1:{gateway.http_port}/x", headers={"Host": name})
        assert answer.status == 308
        # Whatever port HTTPS has here, outside it is the usual one.
        assert answer.headers["Location"] == f"https://{name}/x"


async def test_the_host_of_the_tools_has_no_page_of_the_other_host(behind):
    gateway, _pair = behind
    if gateway.auth_url == gateway.mcp_url:
        pytest.skip("this form has one host for both")
    for path in ("/authorize", "/token", "/.well-known/jwks.json", "/.well-known/oauth-authorization-server"):
        assert (await answer_of(gateway, f"{gateway.mcp_url}{path}")).status == 404
    assert (await answer_of(gateway, f"{gateway.auth_url}/mcp")).status == 404


@pytest.fixture(scope="module", params=["one host", "two hosts"])
def elsewhere(request):
    """A pair whose MCP endpoint has another path than the usual one."""
    gateway = Gateway(request.param)
    pair = Pair(gateway=gateway, resource=f"{gateway.mcp_url}/tools/weather")
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        try:
            runner.run(pair.start())
            yield gateway, pair
        finally:
            runner.run(pair.close())


async def test_a_client_reaches_an_endpoint_with_another_path(elsewhere):
    gateway, pair = elsewhere
    tls = gateway.trust()
    async with (
        user_agent(pair.username, pair.password, tls=tls) as user,
        connected(pair.resource, user, tls=tls) as client,
    ):
        assert not (await client.call_tool("list_notes", {})).is_error


async def test_an_endpoint_with_another_path_replaces_the_usual_one(elsewhere):
    gateway, pair = elsewhere
    async with httpx2.AsyncClient(verify=gateway.trust(), base_url=gateway.mcp_url) as http:
        for well_known in ("", "/tools/weather"):
            answer = await http.get(f"/.well-known/oauth-protected-resource{well_known}")
            assert answer.json()["resource"] == pair.resource
        for path, status in (("/tools/weather", 401), ("/tools/weather/", 401), ("/mcp", 404), ("/tools", 404)):
            assert (await http.post(path)).status_code == status, path


@pytest.fixture(scope="module")
def forwarding():
    """A pair behind two hosts, whose mcp_service forwards to auth_service (docs/forwarding.md)."""
    gateway = Gateway("two hosts")
    pair = Pair(gateway=gateway, forwards=True)
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        try:
            runner.run(pair.start())
            yield gateway, pair
        finally:
            runner.run(pair.close())


async def test_the_host_of_the_tools_passes_forwarded_requests_on(forwarding):
    gateway, _pair = forwarding
    form = {"grant_type": "refresh_token", "refresh_token": "a", "client_id": "unknown"}
    answer = await answer_of(gateway, f"{gateway.mcp_url}/token", "POST", data=form)
    assert (answer.status, json.loads(answer.body)["error"]) == (401, "invalid_client")
    assert (await answer_of(gateway, f"{gateway.mcp_url}/register", "POST", json={})).status == 400
    answer = await answer_of(gateway, f"{gateway.mcp_url}/authorize?a=b")
    assert answer.headers["Location"] == f"{gateway.auth_url}/authorize?a=b"


async def test_a_client_does_not_choose_its_request_id(forwarding):
    gateway, _pair = forwarding
    chosen = {"X-Request-Id": "chosen-by-the-client"}
    for url in (f"{gateway.mcp_url}/mcp", f"{gateway.auth_url}/token"):
        answer = await answer_of(gateway, url, "POST", headers=chosen)
        assert answer.headers["X-Request-Id"] != chosen["X-Request-Id"], url


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("gateway.caddy", {"SITE": "mcp.example.com"}),
        ("gateway-two-hosts.caddy", {"SITE": "mcp.example.com", "AUTH_SITE": "auth.example.com"}),
    ],
)
def test_a_real_name_gets_a_certificate_from_a_public_authority(file, names):
    adapted = subprocess.run(
        [CADDY, "adapt", "--adapter", "caddyfile", "--config", str(FILES / file)],
        env={"PATH": os.environ["PATH"], **names},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    apps = json.loads(adapted)["apps"]
    (server,) = apps["http"]["servers"].values()
    assert server["listen"] == [":443"]
    matched = [host for route in server["routes"] for match in route["match"] for host in match["host"]]
    assert sorted(matched) == sorted(names.values())
    # Automatic HTTPS gets a certificate by ACME for every public name, unless one of these says otherwise.
    assert "automatic_https" not in server
    assert "tls_connection_policies" not in server
    assert "tls" not in apps
