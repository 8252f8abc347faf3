"""docs/migrating-from-privy.md with the backend in Python: its settings as they stand, to the claim that tools read."""

import json

from joserfc.jwk import ECKey

from examples.external_sign_in.assertion import sign_assertion
from tests.support.auth_server import Code
from tests.support.oauth import unverified_claims
from tests.support.privy_guide import GUIDE, PAGE, PrivyGuide, arrive_at_the_page, told

DID = "did:privy:cl3x"


async def test_the_settings_of_the_guide_give_tools_the_did_and_an_account_of_sallyport(start_auth, tmp_path):
    guide = PrivyGuide(tmp_path)
    auth = await start_auth(**{name.removeprefix("AUTH_"): value for name, value in guide.settings.items()})
    assert auth.issuer == told(PAGE, "SALLYPORT_ISSUER") == told(GUIDE, "SALLYPORT_ISSUER")
    assert guide.resource["identifier"] == told(GUIDE, "MCP_RESOURCE")
    client, user = await auth.register(client_name="Desk"), auth.user_agent()
    url, verifier = auth.authorization(client, scope=None, resource=guide.resource["identifier"])

    state, nonce = await arrive_at_the_page(user, guide, url)
    key = ECKey.import_key(json.loads(guide.sign_in_key))
    issuers = {"issuer": told(PAGE, "SIGN_IN_ISSUER"), "audience": auth.issuer}
    assertion = sign_assertion(DID, nonce, key=key, privy_did=DID, **issuers)
    # A form of another site: the browser sends no cookie.
    posted = await auth.post("/sign-in/callback/app", {"state": state, "assertion": assertion})
    callback = await user.follow(posted)
    consent = await user.follow(callback)
    assert "privy_did" in consent.words
    code = Code(await user.decide(consent), verifier, client)

    tokens = (await auth.redeem(code)).json
    for answer in (tokens, (await auth.refresh(client, tokens["refresh_token"])).json):
        claims = unverified_claims(answer["access_token"])
        assert (claims["aud"], claims["scope"]) == (guide.resource["identifier"], "mcp:tools")
        assert claims["privy_did"] == DID
        assert claims["sub"] != DID
