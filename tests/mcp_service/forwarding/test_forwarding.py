"""POST /token and POST /register of this origin reach auth_service, and nothing else does (docs/forwarding.md)."""

import asyncio

import pytest
from aiohttp import web
from yarl import URL

from mcp_service.forwarding import auth_service_client
from mcp_service.forwarding.auth_service_client import (
    CHECKED_SECONDS,
    MAX_IN_PROGRESS,
    MAX_RESPONSE_BYTES,
    REFUSED_SECONDS,
)
from mcp_service.forwarding.endpoints import MAX_BODY_BYTES
from shared.errors import Misconfigured
from tests.mcp_service.forwarding.conftest import ISSUER

FORM = {"grant_type": "refresh_token", "refresh_token": "a-refresh-token"}


async def post(service, path="/token", **options):
    """The status, the headers and the text of the response."""
    options.setdefault("data", FORM)
    async with service.session.post(service.root + path, allow_redirects=False, **options) as response:
        return response.status, response.headers, await response.text()


@pytest.mark.parametrize("path", ["/token", "/register"])
async def test_a_request_reaches_the_same_endpoint_of_auth_service_and_its_response_comes_back(
    forwarding, auth_service, path
):
    auth_service.status, auth_service.headers = 400, {"Cache-Control": "no-store", "Retry-After": "7"}
    auth_service.body = {"error": "invalid_grant"}
    status, headers, text = await post(forwarding, path, data=b'{"a": 1}', headers={"Content-Type": "application/json"})
    assert (status, text) == (400, '{"error": "invalid_grant"}')
    assert (headers["Cache-Control"], headers["Retry-After"]) == ("no-store", "7")
    ((received_path, received_headers, body),) = auth_service.received
    assert (received_path, body) == (path, b'{"a": 1}')
    assert received_headers["Content-Type"] == "application/json"
    assert received_headers["Host"] == "auth.example"


async def test_a_refusal_for_too_many_requests_tells_the_client_when_to_come_back(forwarding, auth_service):
    told = {"Retry-After": "7", "RateLimit": '"client";r=0;t=7', "RateLimit-Policy": '"client";q=300;w=30'}
    auth_service.status, auth_service.headers = 429, told
    status, headers, _ = await post(forwarding)
    assert (status, {name: headers.get(name) for name in told}) == (429, told)


async def test_an_issuer_with_a_path_has_its_endpoints_below_it(start_forwarding, auth_service):
    issuer = f"{ISSUER}/login"
    auth_service.metadata = {n: v.replace(ISSUER, issuer) for n, v in auth_service.metadata.items()}
    auth_service.server.app.router._frozen = False
    auth_service.server.app.router.add_get("/.well-known/oauth-authorization-server/login", auth_service._metadata)
    service = await start_forwarding(issuer=issuer)
    assert (await post(service))[0] == 200
    assert [path for path, _, _ in auth_service.received] == ["/login/token"]


async def test_the_client_address_is_the_one_of_the_client_and_the_request_id_joins_both_logs(forwarding, auth_service):
    _, headers, _ = await post(forwarding, headers={"X-Forwarded-For": "203.0.113.9, 198.51.100.7"})
    ((_, received, _),) = auth_service.received
    assert received["X-Forwarded-For"] == "198.51.100.7"
    assert received["X-Request-Id"] == headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("headers", "passed_on"),
    [
        ({"Authorization": "Basic YTpi"}, "Basic YTpi"),
        ({"Authorization": "Bearer an-access-token"}, None),
        ({"Authorization": "DPoP an-access-token"}, None),
        ({}, None),
    ],
)
async def test_only_a_credential_of_the_client_is_passed_on(forwarding, auth_service, headers, passed_on):
    await post(forwarding, headers=headers)
    assert auth_service.received[0][1].get("Authorization") == passed_on


async def test_nothing_but_the_body_its_type_and_the_credential_is_passed_on(forwarding, auth_service):
    hostile = {"Cookie": "session=1", "Origin": "https://evil.example", "X-Custom": "1", "Forwarded": "for=1.2.3.4"}
    await post(forwarding, "/token?client_id=other&path=/account", headers=hostile)
    ((path, received, _),) = auth_service.received
    assert path == "/token"
    assert {name.lower() for name in received} == {
        "host", "accept", "accept-encoding", "connection", "content-length", "content-type",
        "x-forwarded-for", "x-request-id",
    }  # fmt: skip


async def test_headers_that_concern_another_origin_do_not_come_back(forwarding, auth_service):
    auth_service.headers = {
        "Set-Cookie": "session=1",
        "Access-Control-Allow-Origin": "*",
        "Location": "https://auth.example/elsewhere",
        "X-Internal": "1",
    }
    _, headers, _ = await post(forwarding)
    assert not headers.keys() & auth_service.headers.keys()


@pytest.mark.parametrize(
    "changes",
    [
        {"status": 302, "headers": {"Location": "https://evil.example/token"}},
        {"content_type": "text/html"},
        {"body": "x" * (MAX_RESPONSE_BYTES + 1)},
        {"headers": {"Content-Encoding": "gzip"}},
    ],
)
async def test_a_response_that_is_not_of_an_endpoint_is_a_fault_of_the_service(forwarding, auth_service, changes):
    for name, value in changes.items():
        setattr(auth_service, name, value)
    status, headers, text = await post(forwarding)
    assert status == 503
    assert "Retry-After" in headers
    assert "evil" not in text
    assert len(auth_service.received) == 1


async def test_a_body_that_is_too_long_is_refused_before_anything_is_forwarded(forwarding, auth_service):
    status, _, _ = await post(forwarding, data=b"x" * (MAX_BODY_BYTES + 1), headers={"Content-Type": "text/plain"})
    assert status == 413
    assert auth_service.received == []


async def test_no_more_than_a_bounded_number_is_forwarded_at_once(start_forwarding, auth_service):
    forwarding = await start_forwarding(rate_limits="off")
    auth_service.hold.clear()
    waiting = [asyncio.create_task(post(forwarding)) for _ in range(MAX_IN_PROGRESS)]
    await auth_service.until_received(MAX_IN_PROGRESS)
    assert (await post(forwarding))[0] == 503
    auth_service.hold.set()
    assert {status for status, _, _ in await asyncio.gather(*waiting)} == {200}


async def test_one_network_occupies_a_quarter_of_what_is_forwarded_at_once(start_forwarding, auth_service):
    forwarding = await start_forwarding(rate_limits="off")
    auth_service.hold.clear()

    def ask(address):
        return asyncio.create_task(post(forwarding, headers={"X-Forwarded-For": address}))

    quarter = MAX_IN_PROGRESS // 4
    waiting = [ask("203.0.113.9") for _ in range(quarter)]
    await auth_service.until_received(quarter)
    refused, of_another = ask("203.0.113.9"), ask("203.0.113.10")
    await auth_service.until_received(quarter + 1)
    auth_service.hold.set()
    assert {status for status, _, _ in await asyncio.gather(*waiting, of_another)} == {200}
    status, headers, _ = await refused
    assert status == 429
    assert "Retry-After" in headers


async def test_a_network_that_asks_without_end_is_limited_here_too(forwarding, auth_service):
    statuses = {(await post(forwarding, headers={"X-Forwarded-For": "203.0.113.9"}))[0] for _ in range(401)}
    assert statuses == {200, 429}
    assert (await post(forwarding, headers={"X-Forwarded-For": "203.0.113.10"}))[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/token", 405),
        ("PUT", "/register", 405),
        ("OPTIONS", "/token", 405),
        ("POST", "/authorize", 405),
        ("POST", "/token/revoke", 404),
        ("POST", "/token/introspect", 404),
        ("GET", "/register/a-client", 404),
        ("POST", "/sign-in", 404),
        ("POST", "//token", 404),
        ("POST", "/token/", 404),
        ("POST", "/x/../token", 404),
    ],
)
async def test_no_other_request_is_forwarded(forwarding, auth_service, method, path, status):
    url = URL(f"{forwarding.root}{path}", encoded=True)
    async with forwarding.session.request(method, url, allow_redirects=False) as response:
        assert response.status == status
    assert auth_service.received == []


async def test_a_browser_is_sent_to_the_issuer_with_its_query_unchanged(forwarding):
    query = "client_id=https%3A%2F%2Fevil.example&state=a+b%2Bc%20d&redirect_uri=//evil.example/%0d%0aSet-Cookie:%20a"
    url = URL(f"{forwarding.root}/authorize?{query}", encoded=True)
    async with forwarding.session.get(url, allow_redirects=False) as response:
        assert response.status == 302
        assert response.headers["Location"] == f"{ISSUER}/authorize?{query}"
        assert response.headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in response.headers


async def test_pages_of_other_origins_cannot_read_a_forwarded_response(forwarding):
    _, headers, _ = await post(forwarding, headers={"Origin": "https://app.example"})
    assert "Access-Control-Allow-Origin" not in headers


async def test_without_the_setting_there_is_nothing(service):
    for path in ("/token", "/register"):
        assert (await post(service, path))[0] == 404
    async with service.session.get(f"{service.root}/authorize") as response:
        assert response.status == 404


@pytest.mark.parametrize("name", ["issuer", "token_endpoint", "registration_endpoint", "authorization_endpoint"])
async def test_the_start_is_refused_in_front_of_another_issuer(start_forwarding, auth_service, name):
    auth_service.metadata[name] = "https://login.example/realms/x"
    with pytest.raises(Misconfigured, match=rf"MCP_FORWARD_OAUTH_TO: .*{name} is 'https://login.example"):
        await start_forwarding()


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(status=404, text="<h1>Not Found</h1>", content_type="text/html"),
        lambda: web.Response(status=200, text="<h1>Welcome</h1>", content_type="text/html"),
        lambda: web.Response(status=308, headers={"Location": "https://elsewhere.example/"}),
    ],
    ids=["not found", "a page", "a redirect"],
)
async def test_the_start_is_refused_in_front_of_a_server_that_has_no_metadata(start_forwarding, auth_service, answer):
    auth_service.instead_of_metadata = answer
    with pytest.raises(Misconfigured, match="is not the metadata of an auth_service"):
        await start_forwarding()


async def test_a_check_that_auth_service_refuses_for_its_rate_decides_nothing(start_forwarding, auth_service):
    auth_service.instead_of_metadata = lambda: web.json_response({"error": "temporarily_unavailable"}, status=429)
    service = await start_forwarding()
    assert (await post(service))[0] == 503


async def test_the_start_is_refused_unless_auth_service_takes_the_clients_address_from_this_server(
    start_forwarding, auth_service
):
    auth_service.trusts_the_server = False
    with pytest.raises(Misconfigured, match="AUTH_TRUSTED_PROXIES"):
        await start_forwarding()


async def test_a_trust_that_ends_while_the_service_runs_ends_forwarding(forwarding, auth_service, monotonic):
    assert (await post(forwarding))[0] == 200
    auth_service.trusts_the_server = False
    monotonic.now += CHECKED_SECONDS
    assert (await post(forwarding))[0] == 404
    assert len(auth_service.received) == 1
    assert "AUTH_TRUSTED_PROXIES" in forwarding.errors()[-1]["reason"]
    auth_service.trusts_the_server = True
    monotonic.now += REFUSED_SECONDS
    assert (await post(forwarding))[0] == 200


async def test_unauthenticated_clients_cause_one_check_at_a_time_however_many_ask(forwarding, auth_service, monotonic):
    auth_service.trusts_the_server = False
    monotonic.now += CHECKED_SECONDS
    before = auth_service.checks
    statuses = {status for status, _, _ in await asyncio.gather(*(post(forwarding) for _ in range(50)))}
    assert statuses == {404}
    assert auth_service.checks == before + 1


async def test_a_start_while_auth_service_is_away_succeeds_and_forwarding_begins_later(
    start_forwarding, auth_service, monotonic
):
    auth_service.is_away = True
    service = await start_forwarding()
    status, headers, _ = await post(service)
    assert status == 503
    assert "Retry-After" in headers
    assert [entry["event"] for entry in service.logs if entry["event"] == "forwarding_unchecked"]
    auth_service.is_away = False
    monotonic.now += REFUSED_SECONDS
    assert (await post(service))[0] == 200


async def test_a_slow_auth_service_costs_a_bounded_time(forwarding, auth_service, monkeypatch):
    monkeypatch.setattr(auth_service_client, "RESPONSE_SECONDS", 0.1)
    auth_service.hold.clear()
    async with asyncio.timeout(5):
        assert (await post(forwarding))[0] == 503
