"""docs/migrating-from-privy.md with the backend and the server in TypeScript, from Privy's token to a verified call.

`make test-clients` runs it. Only the address of the authorization server differs from the guide.
"""

import asyncio
import json
import secrets
import shutil
from urllib.parse import urlencode

import pytest
from aiohttp import ClientSession

from tests.e2e.local_pair import LocalPair
from tests.support.local_issuer import LocalIssuer, new_key
from tests.support.oauth import challenge
from tests.support.privy_guide import PAGE, PrivyGuide, arrive_at_the_page, told
from tests.support.typescript_examples import APP_ID, BACKEND_PROGRAM, install, node, privy_token, server_program
from tests.support.user_agent import user_agent

pytestmark = [
    pytest.mark.npm,
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed"),
]

REDIRECT_URI = "http://127.0.0.1:41999/callback"
KEY = new_key("privy-1", "ES256")


@pytest.fixture
async def privy():
    """Publishes the keys of Privy."""
    issuer = LocalIssuer()
    await issuer.start()
    await issuer.publish(KEY)
    yield issuer
    await issuer.stop()


@pytest.fixture(scope="session")
def installed():
    return install()


async def signed_in_at_privy(installed, guide, privy, issuer, nonce):
    """The assertion that the backend signs for the user of Privy's access token."""
    asked = {"authorization": f"Bearer {privy_token(KEY)}", "body": json.dumps({"nonce": nonce})}
    environment = {
        "SIGN_IN_KEY": guide.sign_in_key,
        "SIGN_IN_ISSUER": told(PAGE, "SIGN_IN_ISSUER"),
        "SALLYPORT_ISSUER": issuer,
        "PRIVY_APP_ID": APP_ID,
        "PRIVY_JWKS_URL": f"{privy.url}/other/keys",
        "REQUESTS": json.dumps([asked]),
    }
    async with node(installed, BACKEND_PROGRAM, **environment) as lines:
        (answer,) = json.loads(await asyncio.wait_for(lines.readline(), 60))
    assert answer["status"] == 200
    return answer["body"]["assertion"]


async def test_the_server_of_the_guide_finds_the_did_of_a_user_who_signed_in_at_privy(installed, privy, tmp_path):
    guide = PrivyGuide(tmp_path)
    own = {name: value for name, value in guide.settings.items() if name != "AUTH_ISSUER"}
    resource, verifier = guide.resource["identifier"], secrets.token_urlsafe(48)
    async with LocalPair(**own) as pair, user_agent("", "") as user, ClientSession() as http:
        body = {"redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": "none"}
        async with http.post(f"{pair.issuer}/register", json=body) as answer:
            client_id = (await answer.json())["client_id"]
        query = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": REDIRECT_URI,
            "code_challenge": challenge(verifier),
            "code_challenge_method": "S256",
            "resource": resource,
        }
        state, nonce = await arrive_at_the_page(user, guide, f"{pair.issuer}/authorize?{urlencode(query)}")
        assertion = await signed_in_at_privy(installed, guide, privy, pair.issuer, nonce)
        posted = await user.post(f"{pair.issuer}/sign-in/callback/app", {"state": state, "assertion": assertion})
        consent = await user.follow(await user.follow(posted))
        form = {
            "grant_type": "authorization_code",
            "code": (await user.decide(consent))["code"],
            "redirect_uri": REDIRECT_URI,
            "code_verifier": verifier,
            "client_id": client_id,
        }
        async with http.post(f"{pair.issuer}/token", data=form) as answer:
            token = (await answer.json())["access_token"]

        environment = {"SALLYPORT_ISSUER": pair.issuer, "MCP_RESOURCE": resource}
        async with node(installed, server_program(guide.protected), **environment) as lines:
            server = f"http://127.0.0.1:{int(await asyncio.wait_for(lines.readline(), 60))}/mcp"
            async with http.post(server) as answer:
                assert answer.status == 401
            async with http.post(server, headers={"Authorization": f"Bearer {token}"}) as answer:
                assert answer.status == 200
                verified = await answer.json()
    assert verified["scopes"] == ["mcp:tools"]
    assert verified["extra"]["privy_did"] == "did:privy:cl3x"
    assert verified["extra"]["sub"] != "did:privy:cl3x"
