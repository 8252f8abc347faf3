"""Which headers of the server reach a client."""

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from mcp_service.servers.http_upstream.response_headers import kept_headers
from tests.support.raw_upstream import bytes_answer, json_answer


def kept(*headers):
    return list(kept_headers(CIMultiDictProxy(CIMultiDict(headers))).items())


@pytest.mark.parametrize(
    "name",
    [
        "Content-Type", "Content-Encoding", "Content-Language", "Cache-Control", "Retry-After", "Allow",
        "X-Accel-Buffering", "MCP-Protocol-Version", "traceparent", "RateLimit", "X-RateLimit-Remaining", "Deprecation",
    ],
)  # fmt: skip
def test_what_concerns_the_answer_is_kept(name):
    assert kept((name, "a")) == [(name, "a")]


@pytest.mark.parametrize(
    "name",
    [
        "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding",
        "Upgrade", "Content-Length", "Date", "Server", "X-Powered-By", "Alt-Svc", "Strict-Transport-Security", "Via",
        "Set-Cookie", "SET_COOKIE", "WWW-Authenticate", "Authentication-Info", "Location", "Refresh", "Clear-Site-Data",
        "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "X-Accel-Redirect", "X_Accel_Redirect",
        "X-Sendfile", "X-Reproxy-URL", "X-Request-Id", "X-Forwarded-User", "Sallyport-Subject", "sallyport.subject",
        "Remote-User", "X-Auth-Request-Email", "X-Pomerium-Jwt-Assertion", "Mcp-Session-Id", "Service-Worker-Allowed",
    ],
)  # fmt: skip
def test_what_would_count_for_the_guard_or_a_proxy_is_removed(name):
    assert kept((name, "a")) == []


def test_a_header_that_connection_names_is_removed():
    assert kept(("Connection", "X-Hop, close"), ("x-hop", "a"), ("X-Other", "b")) == [("X-Other", "b")]


@pytest.mark.parametrize("value", ["ä", "a\udce4", "a\x00", "a\x1b[2J"])
def test_a_value_that_is_not_visible_ascii_is_removed(value):
    assert kept(("X-Other", value)) == []


async def test_the_guards_own_headers_stand(upstream, caller):
    upstream.answer = bytes_answer(
        json_answer(
            {"id": 1}, "X-Request-Id: of-the-server", "Access-Control-Allow-Origin: https://evil.example",
            "Access-Control-Allow-Credentials: true", "Set-Cookie: session=1", "X-Accel-Redirect: /etc/passwd",
            "Server: Leaky/1.0", "X-Kept: yes", "Content-Security-Policy: \xe4",
        )
    )  # fmt: skip
    async with caller.call() as response:
        assert response.status == 200
        assert response.headers["X-Request-Id"] != "of-the-server"
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert response.headers["X-Kept"] == "yes"
        assert not {
            "Access-Control-Allow-Credentials", "Set-Cookie", "X-Accel-Redirect", "Server", "Content-Security-Policy",
        } & set(response.headers)  # fmt: skip
