"""The request id: an own one, unless a trusted proxy sends one in a form that is harmless in a log."""

import re

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from shared.http.request_middleware import RequestMetrics, request_middleware

GIVEN = "0b5c0e5e-9a0f-4c0e-8a53-2f5bbd6a7d11"
OWN = re.compile(r"[a-z1-9]{10}")
MALFORMED = {
    "too short": "abcdefg",
    "too long": "a" * 65,
    "another log field": 'abcdefgh","status":"200',
    "a second log line": "abcdefgh\\n{}",
    "spaces": "abcdefgh abcdefgh",
    "a tab": "abcdefgh\tabcdefgh",
    "letters beyond ASCII": "äbcdefghij",
    "digits beyond ASCII": "٠١٢٣٤٥٦٧٨",
    "markup": "<script>alert(1)</script>",
    "a path": "../../../../etc/passwd",
}


async def answer(auth, given=None):
    """An error response, which shows the id in the header, in the body and in the log line."""
    got = await auth.get("/nowhere", headers={"X-Request-Id": given} if given is not None else {})
    request_id = got.headers["X-Request-Id"]
    assert got.json["request_id"] == request_id
    assert auth.log_of(request_id)["status"] == 404
    return request_id


async def test_the_id_of_a_trusted_proxy_is_used(start_auth):
    auth = await start_auth(TRUSTED_PROXIES="127.0.0.1")
    for given in (GIVEN, "a" * 8, "Z_-9" * 16):
        assert await answer(auth, given) == given


async def test_the_service_makes_a_request_id_for_a_request_without_one(start_auth):
    auth = await start_auth(TRUSTED_PROXIES="127.0.0.1")
    assert OWN.fullmatch(await answer(auth))


@pytest.mark.parametrize("proxies", ["", "192.0.2.1"])
async def test_the_header_of_an_untrusted_peer_is_ignored(start_auth, proxies):
    auth = await start_auth(TRUSTED_PROXIES=proxies)
    assert OWN.fullmatch(await answer(auth, GIVEN))


@pytest.mark.parametrize("given", MALFORMED.values(), ids=MALFORMED.keys())
async def test_a_malformed_id_reaches_neither_log_nor_response(start_auth, given):
    auth = await start_auth(TRUSTED_PROXIES="127.0.0.1")
    assert OWN.fullmatch(await answer(auth, given))
    assert given not in str(auth.logs)


async def test_a_service_without_trusted_proxies_makes_its_own():
    """mcp_service has no setting for proxies."""
    surround = request_middleware(
        render=lambda _request, error, request_id: web.json_response({"request_id": request_id}, status=error.status),
        log=structlog.get_logger(),
        metrics=RequestMetrics(CollectorRegistry()),
    )
    with capture_logs() as entries:
        async with TestClient(TestServer(web.Application(middlewares=[surround]))) as client:
            got = await client.get("/nowhere", headers={"X-Request-Id": GIVEN})
    assert OWN.fullmatch(got.headers["X-Request-Id"])
    assert [entry["request_id"] for entry in entries] == [got.headers["X-Request-Id"]]
