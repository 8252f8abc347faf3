"""Browser clients (interop.md R9, F15): every endpoint that they call, errors included, and no page of ours."""

import pytest

ORIGIN = {"Origin": "http://localhost:6274"}
READ = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration", "/.well-known/jwks.json"]
POSTED = ["/token", "/token/introspect", "/token/revoke", "/register"]
ADDED = ["baggage", "dpop", "sentry-trace", "traceparent", "tracestate"]
PAGES = ["/authorize", "/sign-in", "/consent", "/account"]


@pytest.mark.parametrize("path", [*READ, *POSTED, "/userinfo"])
async def test_a_preflight_needs_nothing_and_allows_what_clients_send(auth, path):
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    answer = await auth.request("OPTIONS", path, headers=ORIGIN | asked)
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    allowed = answer.headers["Access-Control-Allow-Headers"]
    assert "content-type" in allowed
    assert path in READ or "authorization" in allowed
    assert ("POST" in answer.headers["Access-Control-Allow-Methods"]) == (path not in READ)


async def test_a_page_can_manage_its_registration(auth):
    """RFC 7592; interop.md F26."""
    asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization,content-type"}
    preflight = await auth.request("OPTIONS", "/register/own-abc", headers=ORIGIN | asked)
    assert (preflight.status, preflight.headers["Access-Control-Allow-Origin"]) == (204, "*")
    assert {"GET", "PUT", "DELETE"} <= set(preflight.headers["Access-Control-Allow-Methods"].split(", "))
    refused = await auth.get("/register/own-abc", headers=ORIGIN)
    assert (refused.status, refused.headers["Access-Control-Allow-Origin"]) == (401, "*")


@pytest.mark.parametrize("path", [*READ, *POSTED, "/userinfo"])
async def test_headers_that_tracing_libraries_and_dpop_add_are_allowed(auth, path):
    """interop.md F26."""
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": ", ".join(ADDED)}
    answer = await auth.request("OPTIONS", path, headers=ORIGIN | asked)
    assert set(ADDED) <= set(answer.headers["Access-Control-Allow-Headers"].split(", "))


@pytest.mark.parametrize("path", READ)
async def test_documents_can_be_read_by_any_page(auth, path):
    answer = await auth.get(path, headers=ORIGIN)
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, "*")


@pytest.mark.parametrize("path", [*POSTED, "/userinfo"])
async def test_errors_can_be_read_too_with_their_headers(auth, path):
    """A browser hides the status of an answer without these headers: the client would see a network error."""
    answer = await auth.request("POST", path, headers=ORIGIN)
    assert answer.status >= 400
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    exposed = answer.headers["Access-Control-Expose-Headers"]
    for name in ("WWW-Authenticate", "Retry-After", "X-Request-Id"):
        assert name in exposed


@pytest.mark.parametrize("path", POSTED)
async def test_methods_that_are_not_there_are_refused_readably(auth, path):
    answer = await auth.request("PATCH", path, headers=ORIGIN)
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (405, "*")


async def test_tokens_can_be_read_by_the_page_that_asked(auth, client):
    code = await auth.code(client)
    answer = await auth.post("/token", {"client_id": client.client_id} | code.form(), headers=ORIGIN)
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, "*")


@pytest.mark.parametrize("path", PAGES)
async def test_no_other_page_can_read_ours(auth, path):
    asked = {"Access-Control-Request-Method": "POST"}
    for answer in (
        await auth.get(path, headers=ORIGIN),
        await auth.request("OPTIONS", path, headers=ORIGIN | asked),
    ):
        assert "Access-Control-Allow-Origin" not in answer.headers


async def test_the_endpoints_of_an_issuer_with_a_path_are_open_below_it(start_auth):
    auth = await start_auth(ISSUER="https://auth.example/tenant")
    answer = await auth.request("POST", "/tenant/token", headers=ORIGIN)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
