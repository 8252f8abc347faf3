"""A user who opens an address in a browser sees a page; a program gets the same status and headers, and JSON."""

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHROME = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,"
    "application/signed-exchange;v=b3;q=0.7"
)
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
PROGRAMS = [
    None,
    "*/*",
    "text/event-stream",
    "application/json",
    "application/json, text/event-stream",
    "text/event-stream, application/json",
    "application/json, text/html",
    "text/html, application/json",
    "text/html, application/json;q=0.1",
    "text/html;q=0.5, */*",
    "text/*",
    "",
    "text/html," + "x" * 600,
]
PATHS = ["/mcp", "/mcp/", "/", "/nothing-here", "/token", "/mcp/nothing"]
OF_THE_PAGE = {
    "content-type",
    "content-length",
    "content-security-policy",
    "cross-origin-opener-policy",
    "permissions-policy",
    "referrer-policy",
    "vary",
    "x-content-type-options",
    "x-frame-options",
    "x-robots-tag",
}
CHANGING = {"date", "x-request-id"}


def names(answer):
    return {name.lower() for name in answer.headers}


async def get(service, path, accept, method="GET", **headers):
    """The answer with its body, without headers that the test's own client would add."""
    stated = {"Accept": accept} if accept is not None else {}
    async with service.session.request(
        method,
        service.root + path,
        headers={**stated, **headers},
        skip_auto_headers=("Accept",),
        allow_redirects=False,
    ) as answer:
        return answer, await answer.read()


@pytest.mark.parametrize("accept", [CHROME, FIREFOX])
@pytest.mark.parametrize("path", PATHS)
async def test_a_browser_sees_a_page_with_the_status_and_headers_of_the_error(shared_service, path, accept):
    page, body = await get(shared_service, path, accept)
    error, _ = await get(shared_service, path, "*/*")
    assert page.status == error.status
    assert page.content_type == "text/html"
    assert b"http://localhost:9001/mcp" in body
    same = names(error) - OF_THE_PAGE - CHANGING
    assert {name: page.headers.getall(name) for name in same} == {name: error.headers.getall(name) for name in same}
    assert names(page) - same - CHANGING == OF_THE_PAGE


async def test_the_page_of_the_resource_has_the_challenge(shared_service):
    """A client that states the Accept of a browser still learns where to sign in."""
    page, _ = await get(shared_service, "/mcp", CHROME)
    assert page.status == 401
    assert page.headers["WWW-Authenticate"].startswith("Bearer resource_metadata=")


@pytest.mark.parametrize("accept", PROGRAMS)
@pytest.mark.parametrize("path", ["/mcp", "/"])
async def test_a_program_gets_json(shared_service, path, accept):
    answer, _ = await get(shared_service, path, accept)
    assert answer.content_type == "application/json"
    assert names(answer) & OF_THE_PAGE == {"content-type", "content-length"}


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "OPTIONS"])
async def test_no_other_method_gets_a_page(shared_service, method):
    answer, _ = await get(shared_service, "/mcp", CHROME, method)
    assert answer.content_type == "application/json"


@pytest.mark.parametrize("credential", ["Bearer wrong", "Bearer", "Basic YTpi", ""])
async def test_a_request_with_a_credential_gets_no_page(shared_service, credential):
    for path in ("/mcp", "/nothing-here"):
        answer, _ = await get(shared_service, path, CHROME, Authorization=credential)
        assert answer.content_type == "application/json"


@pytest.mark.parametrize("path", ["/.well-known/nothing", "/.well-known/oauth-authorization-server"])
async def test_addresses_for_programs_have_no_page(shared_service, path):
    answer, _ = await get(shared_service, path, CHROME)
    assert (answer.status, answer.content_type) == (404, "application/json")


@pytest.mark.parametrize("path", PATHS)
async def test_head_has_the_headers_of_get_and_no_body(shared_service, path):
    full, body = await get(shared_service, path, CHROME)
    head, nothing = await get(shared_service, path, CHROME, "HEAD")
    assert (head.status, nothing) == (full.status, b"")
    assert head.headers["Content-Length"] == str(len(body))
    assert names(head) == names(full)


@pytest.mark.invariant(1)
async def test_a_page_holds_nothing_of_the_request(shared_service):
    _, plain = await get(shared_service, "/nothing-here", CHROME)
    for path in ("/x?<script>alert(1)</script>", "/%3Cb%3E", "/a/b/../c", "/nothing-here?utm=1"):
        _, body = await get(shared_service, path, CHROME, Host="127.0.0.1:1", Referer="https://evil.example/")
        assert body == plain


async def test_a_request_of_a_browser_is_logged_as_before(shared_service):
    await get(shared_service, "/mcp", CHROME)
    assert shared_service.errors()[-1]["error_id"] == "credential"
    await get(shared_service, "/nothing-here", CHROME)
    assert shared_service.errors()[-1]["error_id"] == "http_404"
