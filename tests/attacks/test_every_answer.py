"""Whatever bytes arrive, the answer has a request ID, a log line and a metric, and says nothing that it need not."""

import re

import pytest

from auth_service.rate_limits.policy import REQUESTS
from tests.attacks.raw_http_service import RawHttpService

PREFLIGHT = (
    ("Origin", "http://localhost:6274"),
    ("Access-Control-Request-Method", "POST"),
    ("Access-Control-Request-Headers", "authorization"),
)
SECRET = "eyJhbGciOiJFUzI1NiJ9secret"

MALFORMED = {
    "a long token": b"GET /livez HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + SECRET.encode() * 800,
    "a long header name": b"GET /livez HTTP/1.1\r\nHost: localhost\r\n" + SECRET.encode() * 800 + b": x",
    "a long target": b"GET /livez?access_token=" + SECRET.encode() * 800 + b" HTTP/1.1\r\nHost: localhost",
    "a header that is none": b"GET /livez HTTP/1.1\r\nHost: localhost\r\n" + SECRET.encode(),
    "a control character": b"GET /livez HTTP/1.1\r\nHost: localhost\r\nAuthorization: " + SECRET.encode() + b"\x01",
    "a NUL": b"GET /livez HTTP/1.1\r\nHost: localhost\r\nAuthorization: " + SECRET.encode() + b"\x00",
    "two lengths": b"POST /token HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6",
    "two hosts": b"GET /livez HTTP/1.1\r\nHost: a\r\nHost: b",
    "no host": b"GET /livez HTTP/1.1\r\nAuthorization: " + SECRET.encode(),
    "many headers": b"GET /livez HTTP/1.1\r\nHost: localhost\r\n" + b"\r\n".join(b"X-%d: y" % n for n in range(300)),
    "another version": b"GET /livez HTTP/7.3\r\nHost: localhost",
    "another protocol": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "an unknown method": b"BREW /livez HTTP/1.1\r\nHost: localhost",
    "words": b"hello\r\nworld",
}


async def lines_of(service: RawHttpService, answer):
    """The log lines of an answer, whose request ID must be in its head, and in its body if that is JSON."""
    request_id = answer.header("X-Request-Id")
    assert request_id, answer
    if b"request_id" in answer.body:
        assert request_id.encode() in answer.body
    return service.lines_of(request_id)


async def counted(service: RawHttpService):
    """Number of requests by the metrics."""
    found = re.findall(
        rb"^sallyport_http_requests_total\{.*\} ([0-9.]+)", (await service.ask("GET", "/metrics")).body, re.MULTILINE
    )
    return sum(float(number) for number in found)


@pytest.mark.parametrize("name", MALFORMED)
async def test_a_request_that_is_no_http_is_answered_like_every_other(services, name):
    for service in services:
        before = await counted(service)
        answer = await service.send(MALFORMED[name] + b"\r\n\r\n")
        assert answer.status in {400, 414, 431}, answer
        assert answer.header("Content-Type").startswith("application/json")
        assert [line["error_id"] for line in await lines_of(service, answer)] in (["http_syntax"], ["http_size"])
        assert "secret" not in answer.head.lower() + answer.body.decode().lower()
        assert b"HTTP/1.1" not in answer.body
        assert answer.header("Connection") == "close"
        assert await counted(service) == before + 2, "the one before and this one"


@pytest.mark.parametrize("expect", ["x", "\x80", "100-continue, x", "200-ok"])
async def test_an_unknown_expectation_is_417_like_every_other_refusal(services, expect):
    for service in services:
        for path in service.paths:
            answer = await service.ask("POST", path, ("Expect", expect.encode("latin-1")), body=b"x=1")
            assert answer.status == 417, (service.name, path)
            assert [line["error_id"] for line in await lines_of(service, answer)] == ["expect"]


async def test_a_request_with_a_refused_body_gets_no_100_continue(services):
    for service in services:
        for path in service.paths:
            sent = service.request(
                "POST", path, ("Expect", "100-continue"), ("Content-Encoding", "gzip"), ("Content-Length", "5000")
            )
            answer = await service.send(sent)
            assert answer.status == 415, (service.name, path)


async def test_a_request_with_an_accepted_body_gets_100_continue(services):
    auth, _ = services
    headers = (("Expect", "100-continue"), ("Content-Type", "application/x-www-form-urlencoded"))
    answer = await auth.ask("POST", "/token", *headers, body=b"client_id=x")
    assert answer.status == 401


async def test_a_preflight_is_logged_and_counted(services):
    for service, path in zip(services, ("/token", "/mcp"), strict=True):
        before = await counted(service)
        answer = await service.ask("OPTIONS", path, *PREFLIGHT)
        assert answer.status == 204
        assert answer.header("Access-Control-Allow-Origin") == "*"
        assert len(await lines_of(service, answer)) == 1
        assert await counted(service) == before + 2


async def test_preflights_are_limited(start_auth):
    auth = await start_auth(TRUSTED_PROXIES="127.0.0.0/8")
    client = {"X-Forwarded-For": "192.0.2.1"}
    seen = set()
    for _ in range(20 * REQUESTS.rate.burst):  # some allowance comes back meanwhile
        answer = await auth.request("OPTIONS", "/token", headers=dict(PREFLIGHT) | client)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        seen.add(answer.status)
        if 429 in seen:
            break
    assert seen == {204, 429}


async def test_no_answer_names_the_server(services):
    for service in services:
        for path in service.paths:
            for method in ("GET", "POST", "OPTIONS", "PATCH"):
                assert not (await service.ask(method, path)).header("Server"), (service.name, path, method)
        for data in MALFORMED.values():
            assert not (await service.send(data + b"\r\n\r\n")).header("Server")


async def test_hsts_is_sent_where_the_service_is_reached_by_https(start_auth, make_service):
    auth = await start_auth()
    for path in ("/account", "/token", "/livez", "/unknown", "/.well-known/jwks.json"):
        assert (await auth.get(path)).headers["Strict-Transport-Security"] == "max-age=63072000"
    mcp = await make_service(resource="https://mcp.example/mcp")
    for path in ("/mcp", "/livez", "/unknown"):
        async with mcp.session.get(mcp.root + path) as answer:
            assert answer.headers["Strict-Transport-Security"] == "max-age=63072000"


async def test_a_local_service_sends_no_hsts(start_auth, service):
    auth = await start_auth(ISSUER="http://localhost:9000")
    assert "Strict-Transport-Security" not in (await auth.get("/livez")).headers
    async with service.session.get(service.root + "/livez") as answer:
        assert "Strict-Transport-Security" not in answer.headers


class TestDnsRebinding:
    """A page whose name now leads to 127.0.0.1 sends its own name as Host: a browser lets no page change that."""

    FOREIGN = (
        "evil.example",
        "evil.example:9000",
        "127.0.0.1.evil.example",
        "localhost.evil.example:80",
        "localhost@evil.example",
        "evil.example#localhost",
        "[::2]:9000",
        "10.0.0.1",
        "0.0.0.0",
        "",
        "localhost:9000, x",
    )
    OWN = ("localhost", "localhost:9000", "LOCALHOST:1", "127.0.0.1:9000", "127.1.2.3", "[::1]:9000", "[::1]")

    async def test_a_local_service_refuses_foreign_host_names(self, start_auth, service):
        auth = await start_auth(ISSUER="http://localhost:9000")
        for host in self.FOREIGN:
            for path in ("/sign-in", "/token", "/register", "/account", "/unknown"):
                answer = await auth.request("POST", path, data={"username": "x"}, headers={"Host": host})
                assert answer.status == 421, (host, path)
            async with service.session.post(service.url, headers={"Host": host, **service.auth()}) as answer:
                assert answer.status == 421, host

    async def test_a_local_service_accepts_every_host_name_of_this_machine(self, start_auth, service):
        auth = await start_auth(ISSUER="http://localhost:9000")
        for host in self.OWN:
            assert (await auth.get("/account", headers={"Host": host})).status == 303
            async with service.session.post(service.url, headers={"Host": host}) as answer:
                assert answer.status == 401

    async def test_verifiers_in_other_containers_read_the_status_lists(self, start_auth):
        """As in compose, where the guard asks http://auth:9000 for the lists of http://localhost:8080."""
        auth = await start_auth(ISSUER="http://localhost:9000")
        assert (await auth.get("/status-lists?known=", headers={"Host": "auth:9000"})).status == 200
        every = await auth.get("/status-lists", headers={"Host": "auth:9000"})
        one = every.json["status_lists"][0].removeprefix("http://localhost:9000")
        assert (await auth.get(one, headers={"Host": "auth:9000"})).status == 200
        assert (await auth.get("/status-listsx", headers={"Host": "auth:9000"})).status == 421

    async def test_probes_and_public_documents_are_answered_under_any_name(self, start_auth, service):
        auth = await start_auth(ISSUER="http://localhost:9000")
        for path in ("/livez", "/readyz", "/metrics", "/.well-known/jwks.json"):
            assert (await auth.get(path, headers={"Host": "auth:9000"})).status == 200
        async with service.session.get(service.root + "/livez", headers={"Host": "mcp:9001"}) as answer:
            assert answer.status == 200

    async def test_a_public_service_accepts_every_host_name(self, auth):
        """The gateway decides which names lead here; the service uses none of them (invariant 1)."""
        assert (await auth.get("/account", headers={"Host": "other.example"})).status == 303
