"""Browsers: preflights without a token, readable challenges, and pages that may not call (interop.md R9 and R10)."""

import pytest

from tests.mcp_service.conftest import modern

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATHS = ["/mcp", "/mcp/", "/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"]


@pytest.mark.parametrize("path", PATHS)
async def test_a_preflight_needs_no_token(shared_service, path):
    answer = await shared_service.session.options(
        shared_service.root + path,
        headers={
            "Origin": "http://localhost:6274",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, mcp-method, mcp-param-city",
        },
    )
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    allowed = answer.headers["Access-Control-Allow-Headers"]
    for header in (
        "authorization",
        "content-type",
        "accept",
        "mcp-protocol-version",
        "mcp-method",
        "mcp-name",
        "mcp-session-id",
        "last-event-id",
        "traceparent",
        "tracestate",
        "mcp-param-city",
    ):
        assert header in allowed


@pytest.mark.parametrize("path", ["/mcp", "/.well-known/oauth-protected-resource"])
async def test_headers_that_tracing_libraries_and_dpop_add_are_allowed(shared_service, path):
    """interop.md F26."""
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "baggage,dpop,sentry-trace"}
    answer = await shared_service.session.options(
        shared_service.root + path, headers={"Origin": "http://localhost:6274", **asked}
    )
    assert {"baggage", "dpop", "sentry-trace"} <= set(answer.headers["Access-Control-Allow-Headers"].split(", "))


async def test_a_page_can_read_the_challenge(shared_service):
    body, headers = modern("server/discover")
    answer = await shared_service.session.post(
        shared_service.url, json=body, headers={**headers, "Origin": "http://localhost:6274"}
    )
    assert answer.status == 401
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "WWW-Authenticate" in answer.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost:9001",
        "http://localhost:6274",
        "http://127.0.0.1:6274",
        "http://[::1]:6274",
        "https://localhost",
    ],
)
async def test_this_origin_and_pages_of_this_machine_may_call(shared_service, origin):
    body, headers = modern("server/discover")
    answer = await shared_service.session.post(
        shared_service.url, json=body, headers={**headers, "Origin": origin, **shared_service.auth()}
    )
    assert answer.status == 200


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example:9001",
        "http://localhost:9001@evil.example",
        "http://evil.example#localhost",
        "http://localhost:9001/",
        "ftp://localhost",
        "null",
        "",
        "http://[::1",
        "http://localhost:99999",
    ],
)
async def test_another_origin_is_403_whatever_its_token(shared_service, origin):
    """Against DNS rebinding: the page keeps its own name in Origin."""
    body, headers = modern("server/discover")
    answer = await shared_service.session.post(
        shared_service.url, json=body, headers={**headers, "Origin": origin, **shared_service.auth()}
    )
    assert answer.status == 403
    assert "WWW-Authenticate" not in answer.headers
    assert shared_service.errors()[-1]["error_id"] == "origin"


async def test_a_call_without_origin_is_no_page(shared_service):
    body, headers = modern("server/discover")
    answer = await shared_service.session.post(
        shared_service.url, json=body, headers={**headers, **shared_service.auth()}
    )
    assert answer.status == 200


@pytest.mark.parametrize(
    ("allowed", "origin", "status"),
    [
        (["https://app.example"], "https://app.example", 200),
        (["https://app.example"], "https://other.example", 403),
        (["*"], "https://other.example", 200),
    ],
)
@pytest.mark.asyncio(loop_scope="function")
async def test_further_origins_are_configured(make_service, allowed, origin, status):
    service = await make_service(allowed_origins=allowed)
    body, headers = modern("server/discover")
    answer = await service.session.post(service.url, json=body, headers={**headers, "Origin": origin, **service.auth()})
    assert answer.status == status
