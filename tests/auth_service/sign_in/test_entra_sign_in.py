"""Sign-in at Entra for several tenants, from the authorization request to tokens, against a model of its endpoints.

The ids in the texts are those of docs/identity-provider-threats.md.
"""

import json
from urllib.parse import urlencode

import aiohttp
import pytest

from auth_service.federation import identity_review
from auth_service.federation.oidc import id_token, identity_mapping
from tests.support.entra_model import CONTOSO, FABRIKAM, PERSONAL_ACCOUNTS, EntraModel, EntraUser
from tests.support.fake_provider import press
from tests.support.oauth import redirect_parameters, unverified_claims
from tests.support.user_agent import Answer

pytestmark = pytest.mark.invariant(13)

SECRET = "Abc8Q~secret-of-the-application"
STAFF = "0f8fad5b-d9cb-469f-a165-70867728950e"


def switch_off(monkeypatch, check):
    """Leave a check out, so that a test can show that nothing else refuses what it refuses."""
    assert check in id_token.CLAIMS_CHECKS
    monkeypatch.setitem(id_token.CLAIMS_CHECKS, check, lambda *_: None)
    if check == "tenant_allowed":  # which is repeated for the consent page and at each refresh
        monkeypatch.setattr(identity_review, "tenant_refusal", lambda *_: None)


@pytest.fixture
async def entra():
    model = EntraModel(client_id="00001111-aaaa-2222-bbbb-3333cccc4444", client_secret=SECRET)
    await model.start()
    yield model
    await model.stop()


class SignIn:
    """One service with Entra as a provider, one client, and users who come through it."""

    def __init__(self, server, model, client):
        self.server = server
        self.model = model
        self.client = client
        self.reason = ""
        """The private reason of the last refusal."""

    async def callback(self, user, url):
        """Press the button, go through Entra, and load the callback address."""
        onward = (await press(user, await user.arrive(url), "entra")).onward
        async with aiohttp.ClientSession() as http, http.get(str(onward), allow_redirects=False) as response:
            there = await Answer.read(response)
        assert there.status == 302, there.text
        return await user.get(f"/sign-in/callback/entra?{urlencode(redirect_parameters(there.headers['Location']))}")

    async def subject(self, account):
        """The subject of the access token for a user of Entra with a new browser."""
        self.model.user = account
        user = self.server.user_agent()
        url, verifier = self.server.authorization(self.client)
        answer = await self.callback(user, url)
        assert answer.status == 303, self.error_of(answer)
        code = (await user.decide(await user.follow(answer)))["code"]
        form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
        tokens = await self.server.token(self.client, form | {"redirect_uri": self.client.redirect_uri})
        assert tokens.status == 200, tokens.text
        return unverified_claims(tokens.json["access_token"])["sub"]

    async def refusal(self, account=None):
        """The error_id that the callback ends with; no user is signed in."""
        self.model.user = account or self.model.user
        user = self.server.user_agent()
        answer = await self.callback(user, self.server.authorize_url(self.client))
        assert "__Host-sallyport-session" not in user.cookies
        assert answer.status == 403, answer.words
        return self.error_of(answer)

    def error_of(self, answer):
        line = self.server.log_of(answer.headers["X-Request-Id"])
        self.reason = line.get("reason", "")
        return line.get("error_id")


@pytest.fixture
def sign_in(start_auth, entra):
    async def start(**changes):
        entry = {
            "id": "entra",
            "kind": "oidc",
            "preset": "entra",
            "display_name": "Contoso",
            "issuer": entra.issuer("{tenantid}"),
            "tenant": "organizations",
            "tenants": [CONTOSO],
            "client_id": entra.client_id,
            "client_secret": SECRET,
            "allow": {"everyone": True},
        } | changes
        server = await start_auth(IDENTITY_PROVIDERS=json.dumps([entry]))
        return SignIn(server, entra, await server.register(client_name="Desk"))

    return start


async def test_a_user_of_an_allowed_tenant_is_one_account_at_each_sign_in(sign_in):
    ada, bob = EntraUser(CONTOSO), EntraUser(CONTOSO, upn="bob@contoso.example", email=None)
    start = await sign_in()
    first = await start.subject(ada)
    assert await start.subject(ada) == first
    assert await start.subject(bob) != first


async def test_an_account_is_known_by_its_object_in_its_tenant_and_by_nothing_that_an_administrator_writes(sign_in):
    """P9: the same address, name, and even object id, in another tenant that is allowed too."""
    start = await sign_in(tenants=[CONTOSO, FABRIKAM])
    ada = EntraUser(CONTOSO)
    first = await start.subject(ada)
    assert await start.subject(EntraUser(FABRIKAM, oid=ada.oid, email=ada.email, upn=ada.upn, edov=True)) != first
    renamed = EntraUser(CONTOSO, oid=ada.oid, name="Ada Byron", upn="byron@contoso.example", email="byron@example.org")
    assert await start.subject(renamed) == first


async def test_another_tenant_is_refused(monkeypatch, sign_in):
    """P8. The control shows that the list of tenants alone stands in the way."""
    start = await sign_in()
    assert await start.refusal(EntraUser(FABRIKAM)) == "id_token_tenant_allowed"
    switch_off(monkeypatch, "tenant_allowed")
    assert await start.subject(EntraUser(FABRIKAM))


async def test_all_tenants_are_allowed_where_none_is_listed_and_personal_accounts_only_at_common(sign_in, entra):
    start = await sign_in(tenants=[])
    assert await start.subject(EntraUser(FABRIKAM))
    start = await sign_in(tenants=[], tenant="common")
    assert await start.subject(EntraUser(PERSONAL_ACCOUNTS))


async def test_a_personal_account_is_refused_at_organizations_even_if_entra_let_it_in(monkeypatch, sign_in, entra):
    """P8: signed by the key for work accounts, because that endpoint publishes no other."""
    start = await sign_in(tenants=[])
    entra.admits_every_tenant, entra.signs_with = True, entra.work_key
    assert await start.refusal(EntraUser(PERSONAL_ACCOUNTS)) == "id_token_tenant_allowed"
    entra.signs_with = entra.personal_key
    assert await start.refusal() == "id_token_key"
    entra.signs_with = entra.work_key
    switch_off(monkeypatch, "tenant_allowed")
    assert await start.subject(EntraUser(PERSONAL_ACCOUNTS))


async def test_a_key_for_personal_accounts_signs_for_no_other_tenant(monkeypatch, sign_in, entra):
    """P8: `common` publishes both kinds of keys; the `issuer` of the key decides."""
    start = await sign_in(tenant="common", tenants=[])
    entra.signs_with = entra.personal_key
    assert await start.refusal(EntraUser(CONTOSO)) == "id_token_key_issuer"
    switch_off(monkeypatch, "key_issuer")
    assert await start.subject(EntraUser(CONTOSO))


@pytest.mark.parametrize("tenant", [FABRIKAM, PERSONAL_ACCOUNTS, "organizations", "{tenantid}"])
async def test_a_token_whose_issuer_is_not_that_of_its_tenant_is_refused(monkeypatch, sign_in, entra, tenant):
    """P8: the issuer of one tenant with the `tid` of an allowed one. The key is valid for all of them."""
    start = await sign_in()
    entra.claims = {"iss": entra.issuer(tenant)}
    assert await start.refusal() == "id_token_issuer"
    switch_off(monkeypatch, "issuer")
    switch_off(monkeypatch, "key_issuer")
    assert await start.subject(entra.user)


async def test_groups_decide_by_object_id_and_a_list_that_was_left_out_refuses(sign_in):
    """P11: with more than 200 groups the token has a reference in the place of the list."""
    start = await sign_in(allow={"groups": [STAFF]})
    assert await start.subject(EntraUser(CONTOSO, groups=[STAFF]))
    assert await start.refusal(EntraUser(CONTOSO, groups=["other"])) == "identity_refused"
    assert "left groups out" not in start.reason
    many = EntraUser(CONTOSO, groups=[STAFF, *(f"group-{number}" for number in range(200))])
    assert await start.refusal(many) == "identity_refused"
    assert "left groups out" in start.reason


async def test_a_group_that_is_denied_refuses_where_the_list_was_left_out(monkeypatch, sign_in):
    """P11: the rule cannot know that the user is not in the group. The control takes the list for whole."""
    start = await sign_in(deny={"groups": [STAFF]})
    assert await start.subject(EntraUser(CONTOSO, groups=["other"]))
    assert await start.subject(EntraUser(CONTOSO, groups=[]))
    many = EntraUser(CONTOSO, groups=[f"group-{number}" for number in range(201)])
    assert await start.refusal(many) == "identity_refused"
    assert "left groups out" in start.reason
    monkeypatch.setattr(identity_mapping, "_groups", lambda *_: ((), True))
    assert await start.subject(many)


async def test_an_address_counts_only_by_the_statement_about_the_owner_of_its_domain(sign_in):
    """P9: an administrator of any tenant writes the address of a victim."""
    start = await sign_in(
        tenants=[], email_verified_claim="xms_edov", allow={"emails": ["ada@contoso.example"], "domains": []}
    )
    assert await start.refusal(EntraUser(FABRIKAM)) == "identity_refused"
    assert await start.refusal(EntraUser(FABRIKAM, edov=False)) == "identity_refused"
    assert await start.subject(EntraUser(CONTOSO, edov=True))


async def test_a_token_of_another_sign_in_is_refused(sign_in, entra):
    """P6."""
    start = await sign_in()
    entra.claims = {"nonce": "nonce-of-another-sign-in"}
    assert await start.refusal() == "id_token_nonce"


async def test_a_wrong_client_secret_is_named_in_the_log_and_on_no_page(sign_in, entra):
    """P17: the number of the error is told, the secret is not."""
    start = await sign_in(client_secret="another secret")
    user = start.server.user_agent()
    answer = await start.callback(user, start.server.authorize_url(start.client))
    assert "isn't set up correctly" in answer.words
    assert "AADSTS7000215" not in answer.text
    line = start.server.log_of(answer.headers["X-Request-Id"])
    assert line["error_id"] == "provider_rejects_client"
    assert "AADSTS7000215" in line["reason"]
    assert "another secret" not in json.dumps(start.server.logs, default=str)
