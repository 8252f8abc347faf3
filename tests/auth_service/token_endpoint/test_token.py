"""POST /token: who may ask, what is validated, and that nothing is consumed before everything is."""

import asyncio
import base64
import hashlib

import pytest

from auth_service.grants.grant import GrantStatus
from auth_service.protocol.opaque import new_secret
from tests.support.auth_server import FILES, HOSTED, ISSUER, LOOPBACK, NOTES, PASSWORD, USERNAME, Code
from tests.support.grant_material import new_grant_id
from tests.support.oauth import basic, unverified_claims, unverified_header

pytestmark = pytest.mark.invariant(3)

ID, SECRET = "A" * 22, "A" * 43
METHODS = ["none", "client_secret_basic", "client_secret_post"]


@pytest.fixture
async def code(auth, client):
    return await auth.code(client)


async def refused(answer, status, error):
    assert (answer.status, answer.json.get("error")) == (status, error), answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Pragma"] == "no-cache"
    return answer


class TestAnswer:
    """RFC 6749 section 5.1, RFC 9068, interop.md A10 and A13."""

    @pytest.mark.parametrize("method", METHODS)
    async def test_a_client_of_every_kind_redeems_its_code(self, auth, method):
        client = await auth.register(method=method)
        answer = await auth.redeem(await auth.code(client))
        assert answer.status == 200
        assert answer.json.keys() == {"access_token", "token_type", "expires_in", "scope", "refresh_token"}
        assert (answer.json["token_type"], answer.json["expires_in"]) == ("Bearer", 3600)
        assert answer.headers["Content-Type"].startswith("application/json")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Pragma"] == "no-cache"

    async def test_the_access_token_has_every_claim_and_its_key_is_published(self, auth, client):
        token = (await auth.tokens(client))["access_token"]
        claims, header = unverified_claims(token), unverified_header(token)
        assert claims.keys() == {"iss", "sub", "aud", "client_id", "scope", "iat", "exp", "jti", "gid", "status"}
        assert (claims["iss"], claims["aud"], claims["client_id"]) == (ISSUER, NOTES, client.client_id)
        assert claims["exp"] - claims["iat"] == 3600
        assert header["typ"] == "at+jwt"
        published = (await auth.get("/.well-known/jwks.json")).json["keys"]
        assert header["kid"] in [key["kid"] for key in published]

    async def test_by_default_tokens_are_signed_with_rsa_and_begin_with_eyj(self, start_auth):
        auth = await start_auth(SIGNING_ALGORITHM="RS256")
        await auth.users.add("ada", "violet anchor mossy tram")
        token = (await auth.tokens(await auth.register()))["access_token"]
        assert token.startswith("eyJ")
        keys = (await auth.get("/.well-known/jwks.json")).json["keys"]
        assert {(k["kty"], k["alg"]) for k in keys} == {("RSA", "RS256")}
        assert unverified_header(token)["alg"] == "RS256"

    async def test_two_tokens_are_never_the_same(self, auth, client):
        user = auth.user_agent()
        first, second = [await auth.tokens(client, user) for _ in range(2)]
        assert unverified_claims(first["access_token"])["jti"] != unverified_claims(second["access_token"])["jti"]
        assert first["refresh_token"] != second["refresh_token"]

    async def test_a_client_without_the_refresh_grant_gets_no_refresh_token(self, auth):
        client = await auth.register(grant_types=["authorization_code"])
        assert "refresh_token" not in await auth.tokens(client)

    async def test_a_grant_without_a_refresh_token_ends_with_its_access_token(self, auth):
        client = await auth.register(grant_types=["authorization_code"])
        claims = unverified_claims((await auth.tokens(client))["access_token"])
        grant = await auth.grants.find(claims["gid"])
        assert 0 <= grant.expires_at - claims["exp"] < 5

    async def test_openid_brings_an_id_token_for_the_client_alone(self, auth, client):
        tokens = await auth.tokens(client, scope="openid notes:read", nonce="the-nonce")
        claims = unverified_claims(tokens["id_token"])
        assert (claims["iss"], claims["aud"], claims["nonce"]) == (ISSUER, client.client_id, "the-nonce")
        assert claims["sub"] == unverified_claims(tokens["access_token"])["sub"]
        assert unverified_header(tokens["id_token"])["typ"] == "JWT"

    @pytest.mark.parametrize(("algorithm", "function"), [("ES256", hashlib.sha256), ("EdDSA", hashlib.sha512)])
    async def test_the_id_token_has_the_hash_of_the_access_token(self, start_auth, algorithm, function):
        """OpenID Connect Core section 3.1.3.6: the left half, by the hash function of the algorithm."""
        auth = await start_auth(SIGNING_ALGORITHM=algorithm)
        await auth.users.add(USERNAME, PASSWORD)
        tokens = await auth.tokens(await auth.register(), scope="openid")
        digest = function(tokens["access_token"].encode()).digest()
        left = base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
        assert unverified_header(tokens["id_token"])["alg"] == algorithm
        assert unverified_claims(tokens["id_token"])["at_hash"] == left


class TestAuthentication:
    """RFC 6749 section 2.3 and 5.2, interop.md A12."""

    @pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
    async def test_either_way_of_sending_the_secret_will_do(self, auth, method):
        client = await auth.register(method=method)
        code = await auth.code(client)
        client.method = "client_secret_basic" if method == "client_secret_post" else "client_secret_post"
        assert (await auth.redeem(code)).status == 200

    @pytest.mark.parametrize("secret", ["wrong", "", " ", "\u0000", "ü" * 40, "x" * 5000])
    async def test_a_wrong_secret_is_401_and_consumes_nothing(self, auth, secret):
        client = await auth.register(method="client_secret_basic")
        code = await auth.code(client)
        headers = {"Authorization": basic(client.client_id, secret)}
        answer = await refused(await auth.post("/token", code.form(), headers=headers), 401, "invalid_client")
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
        assert (await auth.redeem(code)).status == 200

    @pytest.mark.parametrize("form", [{"client_secret": "wrong"}, {}])
    async def test_a_confidential_client_is_not_believed_by_its_name(self, auth, form):
        client = await auth.register(method="client_secret_post")
        code = await auth.code(client)
        form = code.form(client_id=client.client_id) | form
        await refused(await auth.post("/token", form), 401, "invalid_client")
        assert (await auth.redeem(code)).status == 200

    @pytest.mark.parametrize("path", ["/token", "/token/introspect", "/token/revoke"])
    @pytest.mark.parametrize("form", [{}, {"client_id": "unknown"}, {"client_id": "unknown", "client_secret": "x"}])
    async def test_each_401_names_a_scheme_also_to_a_request_without_a_header(self, auth, path, form):
        """RFC 9110 section 15.5.2."""
        form = {"grant_type": "refresh_token", "refresh_token": "x", "token": "x"} | form
        answer = await refused(await auth.post(path, form), 401, "invalid_client")
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")

    @pytest.mark.parametrize(
        "authorization",
        [
            "Basic",
            "Basic ",
            "Basic !!!",
            "Basic YQ==",
            "Basic Og==",
            "Bearer x",
            "basic",
            "\u00e4",
            "Basic " + "A" * 9000,
        ],
    )
    async def test_credentials_that_cannot_be_read_are_401(self, auth, code, authorization):
        headers = {"Authorization": authorization}
        answer = await auth.post("/token", code.form(), headers=headers)
        await refused(answer, 401, "invalid_client")
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")

    async def test_two_mechanisms_at_once_are_refused(self, auth):
        client = await auth.register(method="client_secret_basic")
        code = await auth.code(client)
        form = code.form(client_id=client.client_id, client_secret=client.secret)
        answer = await auth.post("/token", form, headers={"Authorization": basic(client.client_id, client.secret)})
        await refused(answer, 400, "invalid_request")

    async def test_the_header_and_the_body_must_name_the_same_client(self, auth, client):
        other = await auth.register(method="client_secret_basic")
        form = {"grant_type": "authorization_code", "client_id": client.client_id}
        answer = await auth.post("/token", form, headers={"Authorization": basic(other.client_id, other.secret)})
        await refused(answer, 400, "invalid_request")

    @pytest.mark.invariant(9)
    async def test_an_unknown_client_and_a_wrong_secret_read_the_same(self, auth):
        client = await auth.register(method="client_secret_post")
        answers = [
            (await auth.post("/token", {"client_id": name, "client_secret": "x", "grant_type": "refresh_token"}))
            for name in (client.client_id, "nobody")
        ]
        assert [a.status for a in answers] == [401, 401]
        assert len({a.json["error_description"] for a in answers}) == 1

    async def test_credentials_in_the_address_do_not_count(self, auth, code):
        """RFC 6749 section 2.3.1: they must not be sent in the request URI."""
        answer = await auth.request(
            "POST", f"/token?client_id={code.client.client_id}", data=code.form(redirect_uri=None)
        )
        await refused(answer, 401, "invalid_client")


@pytest.mark.invariant(3)
class TestCode:
    """RFC 6749 section 4.1.3, RFC 7636 section 4.6; after each error the code is still good."""

    @pytest.mark.parametrize(
        ("changes", "error", "check"),
        [
            ({"code": None}, "invalid_request", "code_present"),
            ({"code_verifier": None}, "invalid_request", "code_verifier_present"),
            ({"code_verifier": "short"}, "invalid_request", "code_verifier_form"),
            ({"code_verifier": "v" * 129}, "invalid_request", "code_verifier_form"),
            ({"code_verifier": "ü" * 43}, "invalid_request", "code_verifier_form"),
            ({"code_verifier": "v" * 43}, "invalid_grant", "pkce"),
            ({"redirect_uri": f"{LOOPBACK}/"}, "invalid_grant", "code_redirect_uri"),
            ({"redirect_uri": LOOPBACK.replace("33418", "33419")}, "invalid_grant", "code_redirect_uri"),
            ({"redirect_uri": "https://evil.example/"}, "invalid_grant", "code_redirect_uri"),
            ({"resource": FILES}, "invalid_target", "resource_granted"),
            ({"resource": "nonsense"}, "invalid_target", "resource_granted"),
            ({"resource": [NOTES, FILES]}, "invalid_target", "resource_granted"),
            ({"grant_type": None}, "invalid_request", "grant_type_present"),
            ({"grant_type": "password"}, "unsupported_grant_type", "grant_type_known"),
            ({"grant_type": "client_credentials"}, "unsupported_grant_type", "grant_type_known"),
            ({"grant_type": "AUTHORIZATION_CODE"}, "unsupported_grant_type", "grant_type_known"),
            ({"code_verifier": ["v" * 43, "w" * 43]}, "invalid_request", "repeated_parameter"),
            ({"grant_type": ["authorization_code", "refresh_token"]}, "invalid_request", "repeated_parameter"),
        ],
    )
    async def test_a_refused_request_leaves_the_code_good(self, auth, code, changes, error, check):
        answer = await refused(await auth.redeem(code, **changes), 400, error)
        assert auth.log_of(answer.headers["X-Request-Id"])["error_id"] == check
        assert (await auth.redeem(code)).status == 200

    @pytest.mark.parametrize("resource", [f"{NOTES}/", [NOTES, NOTES], None])
    async def test_the_resource_may_be_said_again_in_any_spelling(self, auth, code, resource):
        assert (await auth.redeem(code, resource=resource)).status == 200

    async def test_another_client_cannot_redeem_it(self, auth, code):
        """RFC 9700 section 4.5: an injected code is bound to the client it was issued to."""
        thief = await auth.register(LOOPBACK)
        answer = await auth.redeem(Code(code.parameters, code.verifier, thief))
        await refused(answer, 400, "invalid_grant")
        assert auth.log_of(answer.headers["X-Request-Id"])["error_id"] == "code_client"
        assert (await auth.redeem(code)).status == 200

    @pytest.mark.parametrize(
        "forged",
        [
            "x",
            ".",
            "a.b",
            "..",
            "{sp}.x",
            "}:grant.x",
            "\u00e9.\u00e9",
            ID,
            f"{ID}.",
            f"{ID}.{SECRET}",
            f"{ID}.{SECRET}.x",
            "a" * 5000,
        ],
    )
    async def test_a_malformed_code_is_invalid_grant(self, auth, code, forged):
        await refused(await auth.redeem(code, code=forged), 400, "invalid_grant")
        assert (await auth.redeem(code)).status == 200

    async def test_the_right_grant_with_the_wrong_secret_ends_nothing(self, auth, code):
        """The grant id is in every access token: it must not be enough to end the grant."""
        tokens = (await auth.redeem(code)).json
        forged = code.value.partition(".")[0] + "." + new_secret()
        await refused(await auth.redeem(code, code=forged), 400, "invalid_grant")
        assert (await auth.refresh(code.client, tokens["refresh_token"])).status == 200

    @pytest.mark.invariant(6)
    async def test_a_code_used_twice_ends_what_it_had_issued(self, auth, code):
        """RFC 6749 section 4.1.2."""
        tokens = (await auth.redeem(code)).json
        await auth.age_grant(code.value.partition(".")[0], 11)
        await refused(await auth.redeem(code), 400, "invalid_grant")
        await refused(await auth.refresh(code.client, tokens["refresh_token"]), 400, "invalid_grant")
        caller = await auth.register(method="client_secret_basic")
        assert (await auth.introspect(caller, tokens["access_token"])).json == {"active": False}

    @pytest.mark.invariant(3, 6)
    async def test_one_of_many_concurrent_redemptions_gets_tokens_and_its_grant_stays_live(self, auth, code):
        """Through the whole endpoint, from one network: a callback that is loaded again and again."""
        answers = await asyncio.gather(*(auth.redeem(code) for _ in range(8)))
        assert [a.status for a in answers].count(200) == 1
        assert {a.json["error"] for a in answers if a.status != 200} == {"invalid_grant"}
        grant = await auth.grants.find(code.value.partition(".")[0])
        assert grant.status is GrantStatus.LIVE

    async def test_an_expired_code_is_refused(self, auth, code):
        await auth.age_grant(code.value.partition(".")[0], 61)
        answer = await refused(await auth.redeem(code), 400, "invalid_grant")
        assert auth.log_of(answer.headers["X-Request-Id"])["error_id"] == "code_fresh"

    async def test_a_code_of_a_hosted_client_goes_the_same_way(self, auth):
        client = await auth.register(HOSTED, method="client_secret_basic")
        assert (await auth.redeem(await auth.code(client))).status == 200


class TestRefresh:
    """RFC 6749 section 6, interop.md A8, A9, A11 and A12. Tests of the atomic step: tests/auth_service/grants."""

    @pytest.fixture
    async def tokens(self, auth, client):
        return await auth.tokens(client, scope="notes:write openid")

    async def test_a_refresh_needs_neither_resource_nor_scope(self, auth, client, tokens):
        answer = await auth.refresh(client, tokens["refresh_token"])
        assert answer.status == 200
        assert answer.json["scope"] == "notes:write openid"
        assert unverified_claims(answer.json["access_token"])["aud"] == NOTES
        assert answer.json["refresh_token"] != tokens["refresh_token"]
        assert answer.json["expires_in"] == 3600

    @pytest.mark.parametrize("resource", [NOTES, f"{NOTES}/", [NOTES, NOTES], "https://MCP.example/mcp"])
    async def test_the_resource_may_be_repeated(self, auth, client, tokens, resource):
        assert (await auth.refresh(client, tokens["refresh_token"], resource=resource)).status == 200

    @pytest.mark.parametrize("resource", [FILES, "https://elsewhere.example", [NOTES, FILES]])
    async def test_another_resource_is_invalid_target_and_spends_nothing(self, auth, client, tokens, resource):
        answer = await auth.refresh(client, tokens["refresh_token"], resource=resource)
        await refused(answer, 400, "invalid_target")
        after = await auth.refresh(client, tokens["refresh_token"])
        assert after.json["refresh_token"].split(".")[1] == "1"

    @pytest.mark.parametrize(
        ("asked", "granted"),
        [
            ("notes:write", "notes:write"),
            ("notes:read", "notes:read"),
            ("notes:read files:read", "notes:read"),
            ("admin openid", "openid"),
        ],
    )
    async def test_fewer_scopes_may_be_asked_for_and_never_more(self, auth, client, tokens, asked, granted):
        answer = await auth.refresh(client, tokens["refresh_token"], scope=asked)
        assert answer.json["scope"] == granted
        assert unverified_claims(answer.json["access_token"])["scope"] == granted

    async def test_a_narrower_token_does_not_narrow_the_grant(self, auth, client, tokens):
        """RFC 6749 section 6: the scope of the refresh token stays that of the grant."""
        narrow = await auth.refresh(client, tokens["refresh_token"], scope="notes:read")
        wide = await auth.refresh(client, narrow.json["refresh_token"])
        assert wide.json["scope"] == "notes:write openid"

    async def test_a_malformed_scope_spends_nothing(self, auth, client, tokens):
        answer = await auth.refresh(client, tokens["refresh_token"], scope='a"b')
        await refused(answer, 400, "invalid_scope")
        assert (await auth.refresh(client, tokens["refresh_token"])).json["refresh_token"].split(".")[1] == "1"

    @pytest.mark.invariant(6)
    async def test_a_lost_answer_is_given_again(self, auth, client, tokens):
        lost = await auth.refresh(client, tokens["refresh_token"])
        again = await auth.refresh(client, tokens["refresh_token"])
        assert again.json["refresh_token"] == lost.json["refresh_token"]
        assert (await auth.refresh(client, again.json["refresh_token"])).status == 200

    @pytest.mark.invariant(6)
    async def test_a_replay_after_the_grace_ends_the_grant(self, auth, client, tokens):
        """The owner's newest token is dead too, and so are the access tokens."""
        first = (await auth.refresh(client, tokens["refresh_token"])).json
        second = (await auth.refresh(client, first["refresh_token"])).json
        await auth.age_grant(tokens["refresh_token"].partition(".")[0], 61)
        await refused(await auth.refresh(client, tokens["refresh_token"]), 400, "invalid_grant")
        await refused(await auth.refresh(client, second["refresh_token"]), 400, "invalid_grant")

    @pytest.mark.parametrize("method", METHODS)
    async def test_another_client_gets_nothing_and_spends_nothing(self, auth, client, tokens, method):
        thief = await auth.register(method=method)
        await refused(await auth.refresh(thief, tokens["refresh_token"]), 400, "invalid_grant")
        assert (await auth.refresh(client, tokens["refresh_token"])).status == 200

    @pytest.mark.parametrize("part", [0, 1, 2, 3])
    async def test_a_changed_token_is_refused_and_ends_nothing(self, auth, client, tokens, part):
        parts = tokens["refresh_token"].split(".")
        parts[part] = {0: new_grant_id(), 1: "7", 2: new_secret(), 3: "A" * 22}[part]
        answer = await auth.refresh(client, ".".join(parts))
        await refused(answer, 400, "invalid_grant")
        assert (await auth.refresh(client, tokens["refresh_token"])).status == 200

    @pytest.mark.parametrize(
        "forged",
        ["x", "...", "a.b.c.d", "{}.0.x.y", "\u0660.\u0660.\u0660.\u0660", "x" * 5000, "a.-1.b.c", "a.1e3.b.c"],
    )
    async def test_a_malformed_refresh_token_is_invalid_grant(self, auth, client, forged):
        await refused(await auth.refresh(client, forged), 400, "invalid_grant")

    async def test_an_access_token_is_no_refresh_token(self, auth, client, tokens):
        await refused(await auth.refresh(client, tokens["access_token"]), 400, "invalid_grant")

    async def test_a_missing_token_is_invalid_request(self, auth, client):
        await refused(await auth.refresh(client, ""), 400, "invalid_request")

    async def test_the_sliding_and_the_absolute_life_end(self, auth, client, tokens):
        await auth.age_grant(tokens["refresh_token"].partition(".")[0], 30 * 86_400)
        await refused(await auth.refresh(client, tokens["refresh_token"]), 400, "invalid_grant")
