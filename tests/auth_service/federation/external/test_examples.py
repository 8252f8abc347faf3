"""examples/external_sign_in: what it signs is accepted, and its backend signs for nobody else."""

import asyncio
import json
import shutil
import subprocess
import sys
import time

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from joserfc.jwk import ECKey

from devstack.service_process import REPOSITORY
from examples.external_sign_in.assertion import sign_assertion
from examples.external_sign_in.new_key import new_key as new_signing_key
from tests.auth_service.federation.external.operator_backend import BACKEND, ISSUER, PENDING, build
from tests.support.local_issuer import LocalIssuer, LocalTokenIssuer, new_key
from tests.support.operator_site import ADDRESS, PAGE, OperatorSite
from tests.support.typescript_examples import APP_ID, BACKEND_PROGRAM, install, node, privy_token, server_program

PRIVATE, PUBLIC = new_signing_key()
RESOURCE = "https://mcp.example.com/mcp"


async def accepted(assertion, **configured):
    """The identity that a provider with the public key of the example makes of it, now."""
    provider = build(**{"jwks": json.loads(PUBLIC), "now": time.time(), **configured})
    return await provider.identify(PENDING, {"assertion": assertion, "state": PENDING.state})


async def test_the_python_example_signs_what_is_accepted():
    key = ECKey.import_key(json.loads(PRIVATE))
    identity = await accepted(
        sign_assertion("user-1", PENDING.nonce, key=key, issuer=BACKEND, audience=ISSUER, groups=["staff"])
    )
    assert (identity.subject, identity.groups) == ("user-1", ("staff",))


async def test_claims_of_the_caller_replace_none_of_the_protocol():
    key = ECKey.import_key(json.loads(PRIVATE))
    taken = {"iss": "https://evil.example", "aud": "https://evil.example", "sub": "admin", "iat": 1}
    identity = await accepted(
        sign_assertion("user-1", PENDING.nonce, key=key, issuer=BACKEND, audience=ISSUER, **taken)
    )
    assert identity.subject == "user-1"


def test_the_new_key_is_printed_as_secret_and_public_line():
    printed = subprocess.run(
        [sys.executable, "-m", "examples.external_sign_in.new_key"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    private, public = map(json.loads, printed.stdout.splitlines())
    assert "d" in private
    assert public == {"keys": [{name: value for name, value in private.items() if name != "d"}]}


@pytest.fixture(scope="session")
def installed():
    """The examples in TypeScript, ready to run."""
    return install()


def announced(issuer):
    """The URL of an issuer, once it publishes metadata as Sallyport does."""
    issuer.metadata = {
        "issuer": issuer.url,
        "authorization_endpoint": f"{issuer.url}/authorize",
        "token_endpoint": f"{issuer.url}/token",
        "response_types_supported": ["code"],
    }
    issuer.metadata_names = {"oauth-authorization-server"}
    return issuer.url


@pytest.fixture
async def keys_of_others():
    """Serves the keys of Privy, and under another path those of Sallyport, which here are the same."""
    issuer = LocalIssuer()
    await issuer.start()
    yield issuer
    await issuer.stop()


@pytest.mark.npm
@pytest.mark.timeout(600)
@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
async def test_the_backend_in_typescript_signs_for_the_user_of_the_privy_token_only(installed, keys_of_others):
    key, foreign = new_key("privy-1", "ES256"), new_key("privy-1", "ES256")
    rsa = new_key("privy-rsa", "RS256")
    await keys_of_others.publish(key, rsa)
    body = json.dumps({"nonce": PENDING.nonce})
    now = int(time.time())
    refused = [
        privy_token(foreign),
        privy_token(key, aud="privy-app-2"),
        privy_token(key, iss="https://auth.privy.io"),
        privy_token(key, exp=now - 120),
        privy_token(rsa),
        "",
        "e.e.e",
    ]
    asked = [
        (privy_token(key), body),
        (privy_token(key), json.dumps({"nonce": PENDING.nonce, "signedInAnew": True})),
        (privy_token(key), json.dumps({"nonce": 7})),
        *((token, body) for token in refused),
    ]
    requests: list[dict[str, str | None]] = [
        {"authorization": f"Bearer {token}", "body": sent} for token, sent in asked
    ]
    requests.append({"authorization": None, "body": body})
    environment = {
        "SIGN_IN_KEY": PRIVATE,
        "SIGN_IN_ISSUER": BACKEND,
        "SALLYPORT_ISSUER": ISSUER,
        "PRIVY_APP_ID": APP_ID,
        "PRIVY_JWKS_URL": f"{keys_of_others.url}/other/keys",
        "REQUESTS": json.dumps(requests),
    }
    async with node(installed, BACKEND_PROGRAM, **environment) as lines:
        answers = json.loads(await asyncio.wait_for(lines.readline(), 60))
    assert [answer["status"] for answer in answers] == [200, 200, 400, *(401 for _ in (*refused, None))]
    first, anew = [await accepted(answer["body"]["assertion"]) for answer in answers[:2]]
    assert (first.subject, first.claims) == ("did:privy:cl3x", {"privy_did": "did:privy:cl3x"})
    assert abs(anew.authenticated_at - now) <= 60


@pytest.mark.npm
@pytest.mark.timeout(600)
@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
async def test_the_server_in_typescript_takes_access_tokens_for_its_resource_only(installed, keys_of_others):
    key = new_key("sallyport-1", "ES256")
    await keys_of_others.publish(key)
    url = announced(keys_of_others)
    token_issuer = LocalTokenIssuer(issuer=url, resource=RESOURCE, key=key)
    refused = [
        token_issuer.issue(aud="https://other.example/mcp"),
        token_issuer.issue(iss="https://other.example"),
        token_issuer.issue(header={"typ": "JWT"}),
        token_issuer.issue(exp=int(time.time()) - 60),
        token_issuer.issue(client_id=None),
        token_issuer.issue(key=new_key("sallyport-1", "ES256")),
        "e.e.e",
    ]
    async with (
        node(installed, server_program(), SALLYPORT_ISSUER=url, MCP_RESOURCE=RESOURCE) as lines,
        ClientSession() as http,
    ):
        server = f"http://127.0.0.1:{int(await asyncio.wait_for(lines.readline(), 60))}"

        async def call(token):
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            async with http.post(f"{server}/mcp", headers=headers) as answer:
                challenge = answer.headers.get("WWW-Authenticate", "")
                return answer.status, challenge if answer.status != 200 else await answer.json()

        status, user = await call(token_issuer.issue(privy_did="did:privy:cl3x"))
        assert (status, user["clientId"], user["scopes"]) == (200, "client-1", ["notes:read"])
        assert user["extra"] == {"sub": "user-1", "privy_did": "did:privy:cl3x"}
        metadata = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp"
        for token in (*refused, None):
            status, challenge = await call(token)
            assert status == 401
            assert f'resource_metadata="{metadata}"' in challenge
        assert (await call(token_issuer.issue(scope="other")))[0] == 403
        async with http.get(f"{server}/.well-known/oauth-protected-resource/mcp") as answer:
            published = await answer.json()
        assert (published["resource"], published["authorization_servers"]) == (RESOURCE, [url])


@pytest.mark.npm
@pytest.mark.timeout(600)
@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
async def test_a_jwks_that_cannot_be_fetched_is_no_fault_of_the_token(installed, keys_of_others):
    """401 would make the client throw away a good token."""
    key = new_key("sallyport-1", "ES256")
    keys_of_others.status = 500
    url = announced(keys_of_others)
    token_issuer = LocalTokenIssuer(issuer=url, resource=RESOURCE, key=key)
    async with (
        node(installed, server_program(), SALLYPORT_ISSUER=url, MCP_RESOURCE=RESOURCE) as lines,
        ClientSession() as http,
    ):
        server = f"http://127.0.0.1:{int(await asyncio.wait_for(lines.readline(), 60))}"
        async with http.post(f"{server}/mcp", headers={"Authorization": f"Bearer {token_issuer.issue()}"}) as answer:
            assert answer.status == 500


class Site(OperatorSite):
    """With another origin that takes the form, in the place of Sallyport."""

    def __init__(self):
        super().__init__(issuer=BACKEND, audience=ISSUER)
        self.forms: asyncio.Queue[tuple[dict[str, str], str | None]] = asyncio.Queue()

    async def __aenter__(self):
        app = web.Application()
        app.router.add_post("/sign-in/callback/app", self._take)
        self._taker = TestServer(app)
        await self._taker.start_server()
        self.sallyport = f"http://127.0.0.1:{self._taker.port}"
        return await super().__aenter__()

    async def __aexit__(self, *_):
        await super().__aexit__()
        await self._taker.close()

    async def _take(self, request):
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.forms.put_nowait((form, request.headers.get("Origin")))
        return web.Response(text="taken")


@pytest.fixture
async def page(browser):
    """A tab with JavaScript, which the SDK of the operator needs."""
    return await (await browser.new_context()).new_page()


def test_the_page_names_one_address_to_post_to():
    assert PAGE.count(f'action="{ADDRESS}/sign-in/callback/app"') == PAGE.count("action=") == PAGE.count(ADDRESS) == 1


@pytest.mark.long
@pytest.mark.browser
async def test_the_page_posts_what_is_accepted_to_its_constant_address(page):
    query = f"state={PENDING.state}&nonce={PENDING.nonce}&redirect_uri=https://evil.example/"
    async with Site() as site:
        await page.goto(f"{site.url}/sign-in/mcp?{query}")
        form, origin = await asyncio.wait_for(site.forms.get(), 10)
        assert origin == site.url
        assert form["state"] == PENDING.state
        assert (await accepted(form["assertion"], jwks=site.public)).subject == "user-1"
        assert site.bodies == [
            {"nonce": PENDING.nonce, "signedInAnew": False, "authorization": "Bearer token-of-the-sdk"}
        ]


@pytest.mark.long
@pytest.mark.browser
async def test_the_page_signs_in_anew_where_it_is_asked_to(page):
    async with Site() as site:
        for asked in ("prompt=login", "max_age=300"):
            await page.goto(f"{site.url}/sign-in/mcp?state=s&nonce={asked[:1]}&{asked}")
            await asyncio.wait_for(site.forms.get(), 10)
            await page.get_by_text("taken").wait_for()
        assert [body["nonce"] for body in site.bodies] == ["p", "m"]
        assert {(body["signedInAnew"], body["authorization"]) for body in site.bodies} == {(True, "Bearer anew")}


@pytest.mark.long
@pytest.mark.browser
async def test_a_user_who_is_not_signed_in_can_try_again_or_decline(page):
    async with Site() as site:
        site.signed_in = False
        await page.goto(f"{site.url}/sign-in/mcp?state=s&nonce=n")
        await page.get_by_text("did not work").wait_for()
        assert site.forms.empty()
        await page.get_by_role("button", name="Cancel").click()
        form, _ = await asyncio.wait_for(site.forms.get(), 10)
        assert form == {"state": "s", "assertion": "", "error": "access_denied"}
