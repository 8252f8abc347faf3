"""RFC 9700 section 4.11.2: an error never redirects a browser to an unverified address by itself."""

import pytest

from auth_service.authorization.redirects import error_redirect_allowed
from auth_service.clients.client import Client as Known
from auth_service.clients.client import ClientKind
from tests.support.auth_server import HOSTED, ISSUER, Client
from tests.support.named_hosts import NamedHosts
from tests.support.oauth import redirect_parameters


@pytest.fixture
async def hosts():
    """Hosts of metadata documents, under their real names."""
    async with NamedHosts() as served:
        yield served


REFUSED = [
    {"prompt": "none"},
    {"scope": '"'},
    {"response_type": "token"},
    {"resource": "https://elsewhere.example"},
    {"code_challenge": None},
]


@pytest.mark.parametrize("changes", REFUSED)
async def test_a_registered_client_with_a_page_of_its_own_is_answered_by_a_link(auth, changes):
    client = await auth.register(HOSTED, client_name="Your Bank")
    answer = await auth.user_agent().get(auth.authorize_url(client, **changes))
    assert answer.status == 400
    assert "Location" not in answer.headers
    assert "Refresh" not in answer.headers
    assert answer.refresh is None
    assert "Go back to client.example" in answer.words
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


async def test_the_link_tells_the_client_all_that_a_redirect_would(auth):
    """RFC 6749 section 4.1.2.1, RFC 9207: the client's own handling of the error still works."""
    client = await auth.register(f"{HOSTED}?a=1")
    answer = await auth.user_agent().get(auth.authorize_url(client, prompt="none", state='"><script>'))
    (link,) = [line for line in answer.text.splitlines() if 'rel="noreferrer"' in line]
    location = link.partition('href="')[2].partition('"')[0].replace("&amp;", "&")
    got = redirect_parameters(location)
    assert location.startswith(f"{HOSTED}?a=1&")
    assert (got["error"], got["state"], got["iss"]) == ("login_required", '"><script>', ISSUER)
    assert "<script>" not in answer.text


@pytest.mark.parametrize("changes", REFUSED)
async def test_a_program_on_the_users_own_device_is_told_at_once(auth, client, changes):
    answer = await auth.user_agent().get(auth.authorize_url(client, **changes))
    assert answer.status == 303
    assert answer.headers["Location"].startswith(client.redirect_uri)


async def test_an_app_on_the_users_own_device_is_told_at_once(auth):
    client = await auth.register("cursor://anysphere.cursor-mcp/oauth/callback")
    answer = await auth.user_agent().get(auth.authorize_url(client, prompt="none"))
    assert answer.headers["Location"].startswith("cursor://anysphere.cursor-mcp/oauth/callback?")


@pytest.mark.invariant(7)
async def test_sign_in_alone_redirects_to_no_client(auth):
    """Not even after the password: only the user's own decision leads to the client."""
    client = await auth.register(HOSTED)
    user = auth.user_agent()
    answer = await user.sign_in(await user.arrive(auth.authorize_url(client)))
    assert answer.headers["Location"].startswith("/consent?")
    page = await user.follow(answer)
    assert page.refresh is None
    assert f'="{HOSTED}' not in page.text


async def test_a_document_of_an_unknown_host_is_answered_by_a_link(start_auth, hosts):
    """An attacker can serve a document as easily as register a client."""
    url = "https://evil.example/client.json"
    hosts.serve_json(url, {"client_id": url, "client_name": "E", "redirect_uris": ["https://evil.example/cb"]})
    auth = await start_auth(public_fetch=hosts.http_client())
    evil = Client(url, "https://evil.example/cb")
    answer = await auth.user_agent().get(auth.authorize_url(evil, prompt="none"))
    assert answer.status == 400
    assert "Location" not in answer.headers
    assert "Go back to evil.example" in answer.words


async def test_a_document_of_a_host_that_the_operator_named_is_told_at_once(start_auth, hosts):
    url = "https://good.example/client.json"
    hosts.serve_json(url, {"client_id": url, "client_name": "G", "redirect_uris": ["https://good.example/cb"]})
    auth = await start_auth(public_fetch=hosts.http_client(), CIMD_ALLOW='["good.example"]')
    answer = await auth.user_agent().get(auth.authorize_url(Client(url, "https://good.example/cb"), prompt="none"))
    assert answer.headers["Location"].startswith("https://good.example/cb?")


@pytest.mark.parametrize(
    ("kind", "client_id", "redirect_uri", "automatic"),
    [
        (ClientKind.PRE_REGISTERED, "ours", "https://client.example/cb", True),
        (ClientKind.REGISTERED, "own-x", "https://client.example/cb", False),
        (ClientKind.REGISTERED, "own-x", "http://localhost:1/cb", True),
        (ClientKind.REGISTERED, "own-x", "http://[::1]/cb", True),
        (ClientKind.REGISTERED, "own-x", "cursor://x/cb", True),
        (ClientKind.REGISTERED, "own-x", "https://localhost.evil.example/cb", False),
        (ClientKind.METADATA_DOCUMENT, "https://client.example/id", "https://client.example/cb", True),
        (ClientKind.METADATA_DOCUMENT, "https://client.example/id", "https://client.example:8443/cb", False),
        (ClientKind.METADATA_DOCUMENT, "https://client.example/id", "https://evil.example/cb", False),
        (ClientKind.METADATA_DOCUMENT, "https://client.example/id", "http://127.0.0.1/cb", True),
    ],
)
def test_errors_are_redirected_by_kind_of_client_and_redirect_uri(kind, client_id, redirect_uri, automatic):
    client = Known(client_id, kind, (redirect_uri,))
    assert error_redirect_allowed(client, redirect_uri, is_trusted=True) is automatic


def test_a_document_of_a_host_that_is_not_trusted_gets_no_redirect():
    client = Known("https://client.example/id", ClientKind.METADATA_DOCUMENT, ("https://client.example/cb",))
    assert not error_redirect_allowed(client, "https://client.example/cb", is_trusted=False)
