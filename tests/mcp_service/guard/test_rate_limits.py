"""What one token, one user and one network may ask of mcp_service: beyond it 429, and every other caller is served."""

import asyncio
import json
from contextlib import AsyncExitStack

import pytest

from shared.http import refusal_delay
from tests.mcp_service.conftest import LEGACY, modern, rpc

MIXED = "tests.mcp_service.mixed_server"
PROXIES = ("127.0.0.0/8", "::1/128")
TOKEN_STREAMS, SUBJECT_STREAMS = 32, 128


@pytest.fixture
async def make_limited(make_service, monkeypatch):
    """Start a service behind a proxy of this machine, without delays: these tests are about the answer."""
    monkeypatch.setattr(refusal_delay, "DELAY_SECONDS", 0)

    async def make(**settings):
        return await make_service(trusted_proxies=PROXIES, **settings)

    return make


@pytest.fixture
async def limited(make_limited):
    return await make_limited()


class Streams:
    """Streams that stay open until the test ends, or closes them."""

    def __init__(self, service):
        self._service = service
        self.open = []
        self.refused = []

    async def listen(self, count=1, **claims):
        """Open streams with one token."""
        token = self._service.token_issuer.issue(**claims)
        body, headers = modern("subscriptions/listen", {"notifications": {"toolsListChanged": True}}, request_id="l")
        headers = {**headers, **self._service.auth(token)}
        for _ in range(count):
            answer = await self._service.session.post(self._service.url, json=body, headers=headers)
            (self.open if answer.status == 200 else self.refused).append(answer)

    def close(self):
        for answer in self.open:
            answer.close()
        self.open.clear()


async def ask(service, address, *, path="/mcp", token=None, method="POST", body=None, headers=None):
    """One request of a client with this address: the status, the headers and the body."""
    credential = {} if token is None else {"Authorization": f"Bearer {token}"}
    sent = {"X-Forwarded-For": address, **credential, **(headers or {})}
    async with service.session.request(method, service.root + path, json=body, headers=sent) as answer:
        return answer.status, answer.headers, await answer.read()


async def until_limited(request, *, at_most):
    """Send until one is refused: some allowance comes back meanwhile, however slow the machine is."""
    for _ in range(at_most // 50):
        for answer in await asyncio.gather(*(request() for _ in range(50))):
            if answer[0] == 429:
                return answer
    return pytest.fail("was never refused")


async def test_the_streams_of_one_token_are_bounded_and_a_closed_one_makes_room(limited):
    async with AsyncExitStack() as closing:
        streams = Streams(limited)
        closing.callback(streams.close)
        await streams.listen(TOKEN_STREAMS + 8, jti="greedy")
        assert (len(streams.open), len(streams.refused)) == (TOKEN_STREAMS, 8)
        refused = streams.refused[0]
        assert (refused.status, int(refused.headers["Retry-After"]) > 0) == (429, True)
        error = await refused.json()
        assert (error["jsonrpc"], error["id"], error["error"]["data"]["error"]) == (
            "2.0",
            "l",
            "temporarily_unavailable",
        )
        assert (await limited.call("list_notes", jti="greedy")).status == 200, "calls are counted apart"
        await streams.listen(jti="modest")
        assert len(streams.open) == TOKEN_STREAMS + 1
        streams.open.pop(0).close()
        for _ in range(50):
            await asyncio.sleep(0.02)
            await streams.listen(jti="greedy")
            if len(streams.open) == TOKEN_STREAMS + 1:
                return
        pytest.fail("a closed stream made no room")


async def test_the_streams_of_one_user_are_bounded_however_many_tokens_there_are(limited):
    streams = Streams(limited)
    for number in range(6):
        await streams.listen(TOKEN_STREAMS, jti=f"token-{number}", sub="greedy")
        if streams.refused:
            break
    assert len(streams.open) == SUBJECT_STREAMS
    await streams.listen(sub="modest")
    assert len(streams.open) == SUBJECT_STREAMS + 1
    streams.close()


async def test_a_token_in_a_busy_loop_is_refused_and_another_of_its_network_is_not(limited):
    busy, other = (limited.token_issuer.issue(jti=name, sub=name) for name in ("busy", "other"))
    body, headers = modern("tools/call", {"name": "whoami", "arguments": {}})

    def call(token):
        return ask(limited, "192.0.2.1", token=token, body=body, headers=headers)

    status, sent, answer = await until_limited(lambda: call(busy), at_most=3_000)
    assert (status, int(sent["Retry-After"]) >= 1) == (429, True)
    assert json.loads(answer)["error"]["data"]["error"] == "temporarily_unavailable"
    assert (await call(other))[0] == 200


async def test_forged_tokens_are_counted_per_network_and_good_ones_are_not_hindered(limited):
    forged = limited.token_issuer.issue()[:-4] + "AAAA"
    good = limited.token_issuer.issue()
    body = rpc("ping")
    _, sent, answer = await until_limited(lambda: ask(limited, "192.0.2.1", token=forged, body=body), at_most=3_000)
    assert int(sent["Retry-After"]) >= 1
    assert json.loads(answer)["error"] == "temporarily_unavailable"
    assert (await ask(limited, "198.51.100.1", token=forged, body=body))[0] == 401
    call, headers = modern("tools/call", {"name": "whoami", "arguments": {}})
    assert (await ask(limited, "192.0.2.1", token=good, body=call, headers=headers))[0] == 200


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/mcp"), ("GET", "/.well-known/oauth-protected-resource"), ("GET", "/nothing")]
)
async def test_requests_without_a_token_are_counted_per_network(limited, method, path):
    await until_limited(lambda: ask(limited, "192.0.2.1", method=method, path=path), at_most=3_000)
    assert (await ask(limited, "198.51.100.1", method=method, path=path))[0] in {200, 401, 404}
    assert (await ask(limited, "192.0.2.1", method="GET", path="/livez"))[0] == 200


async def test_an_authorization_header_where_none_is_read_is_no_way_around(limited):
    path = "/.well-known/oauth-protected-resource"
    await until_limited(lambda: ask(limited, "192.0.2.1", method="GET", path=path, token="x"), at_most=3_000)


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("POST", {"Content-Type": "((((", "Authorization": "Bearer x"}),
        ("OPTIONS", {"Origin": "http://localhost", "Access-Control-Request-Method": "POST"}),
    ],
)
async def test_requests_that_do_not_reach_the_guard_are_counted(limited, method, headers):
    await until_limited(lambda: ask(limited, "192.0.2.1", method=method, headers=headers), at_most=3_000)


async def test_public_tools_are_not_run_beyond_the_limit_of_the_network(make_limited):
    service = await make_limited(server=f"{MIXED}:server", scopes=f"{MIXED}:scopes", allow_anonymous=True)
    body, headers = modern("tools/call", {"name": "clock", "arguments": {}})
    await until_limited(lambda: ask(service, "192.0.2.1", body=body, headers=headers), at_most=3_000)
    assert (await ask(service, "198.51.100.1", body=body, headers=headers))[0] == 200


@pytest.mark.parametrize("user", [None, "greedy"])
async def test_the_sessions_of_one_user_or_network_leave_places_to_others(make_limited, user):
    service = await make_limited(
        server=f"{MIXED}:server", scopes=f"{MIXED}:scopes", allow_anonymous=True, stateful=True
    )
    parameters = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
    body = rpc("initialize", parameters)

    def begin(address, subject):
        token = None if subject is None else service.token_issuer.issue(sub=subject)
        return ask(service, address, token=token, body=body, headers=LEGACY)

    await until_limited(lambda: begin("192.0.2.1", user), at_most=250)
    other = None if user is None else "modest"
    assert (await begin("198.51.100.1", other))[0] == 200


async def test_refusals_are_counted_in_a_metric(limited):
    await until_limited(lambda: ask(limited, "192.0.2.1"), at_most=3_000)
    _, _, text = await ask(limited, "198.51.100.1", method="GET", path="/metrics")
    assert b'sallyport_rate_limited_requests_total{limit="unauthenticated"}' in text


async def test_known_egress_of_hosted_clients_has_a_wider_limit(limited):
    statuses = [(await ask(limited, "160.79.104.10"))[0] for _ in range(600)]
    assert set(statuses) == {401}


async def test_limits_can_be_switched_off(make_limited):
    service = await make_limited(rate_limits="off")
    streams = Streams(service)
    await streams.listen(TOKEN_STREAMS + 1)
    assert len(streams.open) == TOKEN_STREAMS + 1
    streams.close()
    assert {(await ask(service, "192.0.2.1"))[0] for _ in range(600)} == {401}
