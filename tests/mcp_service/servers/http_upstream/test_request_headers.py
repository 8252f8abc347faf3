"""Which headers of a client reach the server."""

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from mcp_service.guard.errors import BadMessage
from mcp_service.servers.http_upstream.request_headers import MAX_PARAMETERS, passed_headers
from tests.mcp_service.servers.http_upstream.conftest import Caller

ACCEPT = {"Accept": "application/json, text/event-stream"}
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def passed(*headers):
    return dict(passed_headers(CIMultiDictProxy(CIMultiDict(headers))))


@pytest.mark.parametrize(
    "header",
    [
        ("Accept", "text/event-stream"),
        ("Content-Type", "application/json; charset=utf-8"),
        ("MCP-Protocol-Version", "2025-11-25"),
        ("Mcp-Method", "tools/call"),
        ("Mcp-Name", "=?base64?YQ==?="),
        ("Mcp-Session-Id", "abc"),
        ("Mcp-Param-City_Name", "Ulm"),
        ("Last-Event-ID", "7/12"),
    ],
)
def test_headers_of_mcp_pass_as_they_are(header):
    assert passed(header) == ACCEPT | dict([header])


def test_a_trace_context_passes_if_it_is_well_formed():
    assert passed(("traceparent", TRACE), ("tracestate", "a=b")) == ACCEPT | {"traceparent": TRACE, "tracestate": "a=b"}
    assert passed(("traceparent", "x"), ("tracestate", "a=b")) == ACCEPT
    assert passed(("traceparent", TRACE), ("tracestate", "a" * 513)) == ACCEPT | {"traceparent": TRACE}


IDENTITY = ("Sallyport-Subject", "X-Forwarded-User", "X-Auth-Request-User", "Remote-User", "X-authentik-username")


@pytest.mark.invariant(14)
@pytest.mark.parametrize("fold", [str, str.upper, lambda n: n.replace("-", "_"), lambda n: n.replace("-", ".")])
@pytest.mark.parametrize("name", IDENTITY)
def test_no_identity_header_passes_in_whatever_spelling(fold, name):
    assert passed((fold(name), "admin")) == ACCEPT


@pytest.mark.parametrize(
    "name",
    [
        "Authorization", "Proxy-Authorization", "Cookie", "Host", "Origin", "Referer", "User-Agent", "Accept-Encoding",
        "Content-Encoding", "Content-Length", "Transfer-Encoding", "TE", "Trailer", "Upgrade", "HTTP2-Settings",
        "Connection", "Keep-Alive", "Proxy-Connection", "Expect", "X-Forwarded-For", "X-Forwarded-Proto", "Forwarded",
        "X-Real-IP", "X-Original-URL", "X-HTTP-Method-Override", "Via", "X-Request-Id", "Mcp_Name", "Mcp.Session.Id",
        "X-Mcp-Name", "Mcp-Upstream-Authorization", "Range", "If-None-Match", "baggage",
    ],
)  # fmt: skip
def test_nothing_else_passes(name):
    assert passed((name, "x")) == ACCEPT


def test_a_header_that_connection_names_does_not_pass():
    """RFC 9110 section 7.6.1."""
    assert passed(("Connection", "close, MCP-Name"), ("Mcp-Name", "a"), ("Mcp-Method", "b")) == ACCEPT | {
        "Mcp-Method": "b"
    }


def test_lines_of_accept_are_joined():
    assert passed(("Accept", "application/json"), ("accept", "text/event-stream"))["Accept"] == ACCEPT["Accept"]


@pytest.mark.parametrize("name", ["Content-Type", "Last-Event-ID", "Mcp-Session-Id", "Mcp-Param-A", "traceparent"])
def test_any_other_header_that_is_sent_twice_is_refused(name):
    with pytest.raises(BadMessage) as caught:
        passed((name, "a"), (name.upper(), "a"))
    assert (caught.value.status, caught.value.rpc_code) == (400, -32020)


@pytest.mark.parametrize("value", ["ä", "a\udce4", "a\x7f", "a\x00b", "a\x0bb"])
def test_a_value_that_is_not_visible_ascii_is_refused(value):
    with pytest.raises(BadMessage):
        passed(("Mcp-Name", value))


def test_parameters_are_bounded_in_number_and_size():
    assert len(passed(*((f"Mcp-Param-{n}", "a") for n in range(MAX_PARAMETERS)))) == MAX_PARAMETERS + 1
    with pytest.raises(BadMessage):
        passed(*((f"Mcp-Param-{n}", "a") for n in range(MAX_PARAMETERS + 1)))
    with pytest.raises(BadMessage):
        passed(("Mcp-Param-A", "a" * 5000), ("Mcp-Param-B", "a" * 5000))


async def test_the_server_gets_the_guards_own_headers_and_no_token(upstream, make_guard):
    service = await make_guard(
        upstream_headers='{"Authorization": "Bearer of-the-guard", "X-Api-Key": "k"}', upstream_host="notes.internal:80"
    )
    caller = Caller(service)
    extra = {
        "Cookie": "a=b", "X-Forwarded-For": "203.0.113.7", "X-Api-Key": "of-the-client", "Origin": "http://localhost",
        "Connection": "keep-alive, authorization, x-api-key, host, x-forwarded-for",
    }  # fmt: skip
    async with caller.call(headers=extra) as response:
        request_id = response.headers["X-Request-Id"]
    [request] = upstream.requests
    assert dict(request.fields) == {
        "accept": "application/json, text/event-stream",
        "authorization": "Bearer of-the-guard",
        "content-length": str(len(request.body)),
        "content-type": "application/json",
        "host": "notes.internal:80",
        "mcp-protocol-version": "2025-11-25",
        "sallyport-client": "client-1",
        "sallyport-issuer": service.issuer.url,
        "sallyport-scopes": "mcp:tools",
        "sallyport-subject": "user-1",
        "x-api-key": "k",
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-host": "localhost:9001",
        "x-forwarded-proto": "http",
        "x-request-id": request_id,
    }
    assert len(request.fields) == len(dict(request.fields))


@pytest.mark.invariant(14)
async def test_the_headers_of_the_principal_replace_those_of_the_client(upstream, guard, monkeypatch):
    def headers(_self, token, *, method, path, body):
        return {"Sallyport-Subject": token.claims.subject, "X-Seen": f"{method} {path} {len(body)}"}

    monkeypatch.setattr("mcp_service.principal.identity_headers.PrincipalHeaders.headers", headers)
    caller = Caller(guard, sub="ada")
    async with caller.call(headers={"Sallyport-Subject": "eve", "Connection": "sallyport-subject"}) as response:
        assert response.status == 200
    [request] = upstream.requests
    assert [value for name, value in request.fields if name == "sallyport-subject"] == ["ada"]
    assert request.headers["x-seen"] == f"POST /mcp {len(request.body)}"


async def test_the_host_is_that_of_the_configured_url(upstream, caller):
    async with caller.call(headers={"Host": "localhost:1"}):
        pass
    assert upstream.requests[0].headers["host"] == f"127.0.0.1:{upstream.port}"
