"""GET /authorize: every check, told as a page before client and redirect URI are known, as a redirect afterwards."""

import json
from urllib.parse import quote, urlsplit

import pytest

from auth_service.clients.client import ClientKind
from auth_service.clients.client_metadata import ClientMetadata
from auth_service.clients.repository import ClientRepository, StoredClient
from tests.support.auth_server import FILES, HOSTED, ISSUER, LOOPBACK, NOTES, Client
from tests.support.oauth import redirect_parameters, unverified_claims

CHALLENGE = "c" * 43


async def begin(auth, client, **changes):
    return await auth.user_agent().get(auth.authorize_url(client, **changes))


async def interactions(auth):
    return await auth.store.command("KEYS", "sp:*:interaction:*")


async def pre_register(auth, client_id="ours", redirect_uri=HOSTED, *, max_scope=None):
    record = StoredClient(
        client_id=client_id,
        kind=ClientKind.PRE_REGISTERED,
        metadata=ClientMetadata((redirect_uri,), ("authorization_code", "refresh_token"), "none"),
        created_at=0,
        expires_at=None,
        max_scope=max_scope,
    )
    await ClientRepository(auth.store).add(record, now=0)
    return Client(client_id, redirect_uri)


async def test_a_good_request_leads_to_sign_in_and_nothing_of_it_may_be_kept_by_a_cache(auth, client):
    answer = await begin(auth, client)
    assert answer.status == 200
    assert (answer.forms[0].action, "password" in answer.forms[0].inputs) == ("/sign-in", True)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.invariant(7)
async def test_a_signed_in_user_goes_straight_to_the_decision_and_is_always_asked(auth, client):
    """Nothing is approved by itself, however often it was approved before."""
    user = auth.user_agent()
    await auth.tokens(client, user)
    answer = await user.get(auth.authorize_url(client))
    assert answer.status == 200
    assert ("decision", "approve") in answer.forms[0].buttons


@pytest.mark.parametrize(
    "state", ["100%41", "%2B", "a+b", "a b", "a&iss=x", "ü\U0001f510", "<script>", '"', "a;b", "%"]
)
async def test_state_comes_back_as_it_was_sent(auth, client, state):
    user = auth.user_agent()
    assert (await user.decide(await user.consent_page(auth.authorize_url(client, state=state))))["state"] == state


BASE64 = "aGVsbG8+d29ybGQ/aGVsbG8+d29ybGQ="


@pytest.mark.parametrize("state", [BASE64, BASE64.rstrip("=") + "x", "a+bcdefghijklmno", "++++++++++++++++"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_raw_plus_in_a_state_that_is_base64_comes_back_as_one(auth, client, state, method):
    """interop.md F24: VS Code sent such."""
    user, url = auth.user_agent(), f"{auth.authorize_url(client, state=None)}&state={state}"
    if method == "POST":
        path, _, query = url.partition("?")
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        url = (await auth.request("POST", path, data=query, headers=form)).headers["Location"]
    assert (await user.decide(await user.consent_page(url)))["state"] == state


@pytest.mark.parametrize(
    ("raw", "state"),
    [
        ("hello+world", "hello world"),
        ("hello+world+how+are+you", "hello world how are you"),
        ("aGVsbG8+d29ybGQ%2BaGVsbG8+d29ybGQ=", "aGVsbG8 d29ybGQ+aGVsbG8 d29ybGQ="),
        ("a+b=", "a b="),
    ],
)
async def test_a_raw_plus_in_another_state_is_a_space(auth, client, raw, state):
    """No sign of base64: too short, of another length, or percent-encoded."""
    user, url = auth.user_agent(), f"{auth.authorize_url(client, state=None)}&state={raw}"
    assert (await user.decide(await user.consent_page(url)))["state"] == state


async def test_a_response_to_a_request_without_state_has_none(auth, client):
    assert (await auth.code(client, state=None)).parameters.keys() == {"code", "iss"}


@pytest.mark.invariant(1)
async def test_the_answer_names_the_issuer(auth, client):
    """RFC 9207."""
    assert (await auth.code(client)).parameters["iss"] == ISSUER


class TestBeforeTheRedirectIsTrusted:
    """RFC 6749 section 4.1.2.1: an invalid client or redirect URI is told to the user, never redirected."""

    @pytest.mark.parametrize(
        ("changes", "status", "check"),
        [
            ({"client_id": None}, 400, "client_id_present"),
            ({"client_id": "nobody"}, 400, "client_known"),
            ({"client_id": "a b"}, 400, "client_known"),
            ({"client_id": "{x}"}, 400, "client_known"),
            ({"client_id": "x" * 5000}, 400, "client_known"),
            ({"redirect_uri": "https://evil.example/callback"}, 400, "redirect_uri_registered"),
            ({"redirect_uri": f"{LOOPBACK}/more"}, 400, "redirect_uri_registered"),
            ({"redirect_uri": f"{LOOPBACK}?x=1"}, 400, "redirect_uri_registered"),
            ({"redirect_uri": LOOPBACK.replace("127.0.0.1", "localhost")}, 400, "redirect_uri_registered"),
            ({"redirect_uri": LOOPBACK.replace("http:", "https:")}, 400, "redirect_uri_registered"),
            ({"redirect_uri": "http://127.0.0.1:80@evil.example/callback"}, 400, "redirect_uri_registered"),
            ({"redirect_uri": "http://127.0.0.1.evil.example/callback"}, 400, "redirect_uri_registered"),
            ({"redirect_uri": f"{LOOPBACK}\r\nSet-Cookie: a=b"}, 400, "redirect_uri_registered"),
            ({"redirect_uri": "javascript:alert(1)"}, 400, "redirect_uri_registered"),
            ({"client_id": ["a", "b"]}, 400, "repeated_parameter"),
            ({"redirect_uri": [LOOPBACK, "https://evil.example/"]}, 400, "repeated_parameter"),
            ({"state": ["a", "b"]}, 400, "repeated_parameter"),
            ({"state": "a\x00b"}, 400, "parameters_decodable"),
            ({f"x{n}": "y" for n in range(100)}, 400, "parameters_decodable"),
        ],
    )
    async def test_the_user_sees_a_page(self, auth, client, changes, status, check):
        answer = await begin(auth, client, **changes)
        assert answer.status == status
        assert answer.headers["Content-Type"].startswith("text/html")
        assert "Location" not in answer.headers
        assert answer.refresh is None
        assert auth.log_of(answer.headers["X-Request-Id"])["error_id"] == check
        assert answer.headers["X-Request-Id"] in answer.text
        assert await interactions(auth) == []

    @pytest.mark.parametrize("raw", ["state=%ff", "state=%C3%28", "%80=1"])
    async def test_bad_utf_8_is_a_page(self, auth, client, raw):
        answer = await auth.get(f"{auth.authorize_url(client, state=None)}&{raw}")
        assert answer.status == 400
        assert auth.log_of(answer.headers["X-Request-Id"])["error_id"] == "parameters_decodable"

    async def test_an_unknown_client_is_told_how_to_register_anew(self, auth, client):
        """Interop.md A18: clients replay registrations that are gone."""
        answer = await begin(auth, client, client_id="own-gone")
        assert "add it again" in answer.text

    async def test_untrusted_text_is_not_shown_back(self, auth, client):
        answer = await begin(auth, client, client_id="<script>alert(1)</script>", redirect_uri="https://evil.example/")
        assert "alert(1)" not in answer.text
        assert "evil.example" not in answer.text

    async def test_two_redirect_uris_and_none_named_is_a_page(self, auth):
        client = await auth.register(LOOPBACK, "http://127.0.0.1/other")
        assert (await begin(auth, client, redirect_uri=None)).status == 400

    async def test_one_redirect_uri_need_not_be_named(self, auth, client):
        """RFC 6749 section 3.1.2.3."""
        code = await auth.code(client, redirect_uri=None)
        assert (await auth.redeem(code, redirect_uri=None)).status == 200


class TestAfterTheRedirectIsTrusted:
    """RFC 6749 section 4.1.2.1, RFC 8707 section 2: the client is told, with `state` and `iss` (RFC 9207)."""

    @pytest.mark.parametrize(
        ("changes", "error"),
        [
            ({"response_type": None}, "invalid_request"),
            ({"response_type": "token"}, "unsupported_response_type"),
            ({"response_type": "code id_token"}, "unsupported_response_type"),
            ({"response_mode": "fragment"}, "invalid_request"),
            ({"response_mode": "form_post"}, "invalid_request"),
            ({"request": "e30."}, "request_not_supported"),
            ({"request_uri": "https://evil.example/r"}, "request_uri_not_supported"),
            ({"code_challenge": None}, "invalid_request"),
            ({"code_challenge_method": None}, "invalid_request"),
            ({"code_challenge_method": "plain"}, "invalid_request"),
            ({"code_challenge_method": "s256"}, "invalid_request"),
            ({"code_challenge": "short"}, "invalid_request"),
            ({"code_challenge": "c" * 44}, "invalid_request"),
            ({"code_challenge": "c" * 42 + "="}, "invalid_request"),
            ({"resource": "https://elsewhere.example/mcp"}, "invalid_target"),
            ({"resource": [NOTES, FILES]}, "invalid_target"),
            ({"resource": [NOTES, "https://elsewhere.example"]}, "invalid_target"),
            ({"resource": f"{NOTES}#fragment"}, "invalid_target"),
            ({"scope": 'notes:read "'}, "invalid_scope"),
            ({"scope": "notes:read\nx"}, "invalid_scope"),
            ({"scope": "nötes"}, "invalid_scope"),
            ({"prompt": "none"}, "login_required"),
        ],
    )
    async def test_the_client_is_told_the_code_with_state_and_issuer(self, auth, client, changes, error):
        answer = await begin(auth, client, **changes)
        assert answer.status == 303
        assert answer.headers["Location"].startswith(f"{LOOPBACK}?")
        got = redirect_parameters(answer.headers["Location"])
        assert (got["error"], got["state"], got["iss"]) == (error, "the-state", ISSUER)
        assert got.keys() == {"error", "error_description", "state", "iss"}
        assert got["error_description"].isascii()
        assert not set('"\\') & set(got["error_description"])
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert await interactions(auth) == []

    async def test_a_client_without_the_code_grant_is_refused(self, auth):
        record = StoredClient(
            client_id="refresh-only",
            kind=ClientKind.PRE_REGISTERED,
            metadata=ClientMetadata((LOOPBACK,), ("refresh_token",), "none"),
            created_at=0,
            expires_at=None,
        )
        await ClientRepository(auth.store).add(record, now=0)
        answer = await begin(auth, Client("refresh-only", LOOPBACK))
        assert redirect_parameters(answer.headers["Location"])["error"] == "unauthorized_client"

    @pytest.mark.parametrize(
        ("changes", "check"),
        [
            ({"state": "s" * 2049}, "state_size"),
            ({"state": "\u00fc" * 1025}, "state_size"),
            ({"state": "s" * 4097, "prompt": "none"}, "state_size"),
            ({"nonce": "n" * 513}, "nonce_size"),
        ],
    )
    async def test_a_state_or_nonce_too_long_to_carry_is_a_page_and_never_comes_back_cut(
        self, auth, client, changes, check
    ):
        """RFC 6749 section 4.1.2: a client that gets a state at all gets the one that it sent."""
        answer = await begin(auth, client, **changes)
        assert (answer.status, auth.log_of(answer.headers["X-Request-Id"])["error_id"]) == (400, check)
        assert "Location" not in answer.headers
        assert answer.refresh is None
        assert 'rel="noreferrer"' not in answer.text

    @pytest.mark.parametrize("state", ["s" * 2048, "\u00fc" * 1024, "\x01" * 2048])
    async def test_the_longest_state_and_nonce_come_back_whole(self, auth, client, state):
        assert (await auth.code(client, state=state, nonce="n" * 512)).parameters["state"] == state

    async def test_a_query_in_the_redirect_uri_is_kept(self, auth):
        client = await auth.register("https://client.example/callback?tenant=7&x=%2520")
        code = await auth.code(client)
        assert (code.parameters["tenant"], code.parameters["x"]) == ("7", "%20")

    async def test_neither_state_nor_error_can_add_a_header_or_a_parameter(self, auth, client):
        answer = await begin(auth, client, state="x\r\nSet-Cookie: a=b&error=none&code=1", prompt="none")
        assert "Set-Cookie" not in answer.headers
        got = redirect_parameters(answer.headers["Location"])
        assert (got["error"], got["state"]) == ("login_required", "x\r\nSet-Cookie: a=b&error=none&code=1")


class TestRedirects:
    """RFC 8252 section 7.3, interop.md A5."""

    @pytest.mark.parametrize("port", ["", ":1", ":33419", ":65535"])
    async def test_the_port_of_a_loopback_redirect_is_free(self, auth, client, port):
        presented = f"http://127.0.0.1{port}/callback"
        page = await auth.user_agent().arrive(auth.authorize_url(client, redirect_uri=presented))
        assert page.status == 200

    @pytest.mark.parametrize("port", [":0", ":65536", ":99999", ":", ":1a", ":-1"])
    async def test_a_port_that_is_none_is_refused(self, auth, client, port):
        assert (await begin(auth, client, redirect_uri=f"http://127.0.0.1{port}/callback")).status == 400

    async def test_the_answer_goes_to_the_port_that_was_named(self, auth, client):
        user = auth.user_agent()
        page = await user.consent_page(auth.authorize_url(client, redirect_uri="http://127.0.0.1:50000/callback"))
        assert (await user.submit(page, decision="approve")).refresh.startswith("http://127.0.0.1:50000/callback?")

    async def test_a_hosted_redirect_has_no_free_port(self, auth):
        client = await auth.register(HOSTED)
        assert (await begin(auth, client, redirect_uri="https://client.example:8443/callback")).status == 400


class TestResourceAndScope:
    """Interop.md A8 and A9."""

    @pytest.mark.invariant(1)
    @pytest.mark.parametrize(
        "resource", [None, NOTES, f"{NOTES}/", "https://MCP.example/mcp", [NOTES, NOTES], [NOTES, f"{NOTES}/"]]
    )
    async def test_the_token_is_for_the_configured_resource_however_it_was_asked_for(self, auth, client, resource):
        tokens = await auth.tokens(client, resource=resource)
        assert unverified_claims(tokens["access_token"])["aud"] == NOTES

    async def test_another_resource_gives_its_own_audience_and_defaults(self, auth, client):
        tokens = await auth.tokens(client, resource=FILES, scope=None)
        assert unverified_claims(tokens["access_token"])["aud"] == FILES
        assert tokens["scope"] == "files:read"

    @pytest.mark.parametrize(
        ("asked", "granted"),
        [
            (None, "notes:read"),
            ("notes:write", "notes:write"),
            ("unknown", "notes:read"),
            ("files:read", "notes:read"),
            ("unknown notes:write", "notes:write"),
            ("notes:read  notes:read", "notes:read"),
        ],
    )
    async def test_the_answer_tells_the_scope_that_was_granted(self, auth, client, asked, granted):
        tokens = await auth.tokens(client, scope=asked)
        assert tokens["scope"] == granted
        assert unverified_claims(tokens["access_token"])["scope"] == granted

    async def test_a_pre_registered_client_gets_nothing_beyond_its_fence(self, auth):
        fenced = await pre_register(auth, max_scope="notes:read openid")
        asked = "notes:read notes:write openid email"
        assert (await auth.tokens(fenced, scope=asked))["scope"] == "notes:read openid"

    async def test_within_its_fence_a_client_may_have_what_a_broader_scope_implies(self, auth):
        fenced = await pre_register(auth, max_scope="notes:write")
        assert (await auth.tokens(fenced, scope="notes:read"))["scope"] == "notes:read"

    @pytest.mark.parametrize("asked", ["notes:read", None, "unknown", "openid"])
    async def test_not_even_the_defaults_jump_the_fence(self, auth, asked):
        fenced = await pre_register(auth, max_scope="files:read")
        answer = await begin(auth, fenced, scope=asked)
        assert redirect_parameters(answer.headers["Location"])["error"] == "invalid_scope"


class TestPrompt:
    """OpenID Connect Core section 3.1.2.1."""

    async def test_login_asks_for_the_password_again(self, auth, client):
        user = auth.user_agent()
        await auth.tokens(client, user)
        auth.clock.ahead += 5
        page = await user.arrive(auth.authorize_url(client, prompt="login"))
        assert "password" in page.forms[0].inputs
        decision = await user.follow(await user.sign_in(page))
        assert (await user.decide(decision)).keys() == {"code", "state", "iss"}

    async def test_login_cannot_be_skipped_by_going_to_the_decision(self, auth, client):
        user = auth.user_agent()
        await auth.tokens(client, user)
        auth.clock.ahead += 5
        form = (await user.get(auth.authorize_url(client, prompt="login"))).forms[0]
        answer = await user.post("/consent", form.inputs | {"decision": "approve"})
        assert answer.refresh is None
        assert answer.forms[0].action == "/sign-in"

    @pytest.mark.parametrize("prompt", ["consent", "select_account", "nonsense"])
    async def test_other_values_of_prompt_change_nothing(self, auth, client, prompt):
        assert (await auth.user_agent().arrive(auth.authorize_url(client, prompt=prompt))).status == 200

    async def test_a_login_hint_fills_in_the_name(self, auth, client):
        page = await auth.user_agent().arrive(auth.authorize_url(client, login_hint='ada"><script>'))
        assert page.forms[0].inputs["username"] == 'ada"><script>'


class TestMethods:
    @pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
    async def test_only_get_and_post_are_answered(self, auth, client, method):
        answer = await auth.request(method, auth.authorize_url(client))
        assert answer.status == 405
        assert answer.headers["Allow"] == "GET,POST"
        assert await interactions(auth) == []

    @pytest.mark.parametrize("state", ["s", "100%41", "a+b", "\u00fc", "x\r\nSet-Cookie: a=b", "&#?"])
    async def test_a_posted_request_goes_on_as_the_same_request_by_get(self, auth, client, state):
        """OpenID Connect Core section 3.1.2.1. A form of another site brings no cookie, and must not replace any."""
        user = auth.user_agent()
        await auth.tokens(client, user)
        query = urlsplit(auth.authorize_url(client, state=state)).query
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        posted = await auth.request("POST", "/authorize?state=other", data=query, headers=form)
        assert (posted.status, "Set-Cookie" in posted.headers) == (303, False)
        page = await user.follow(posted)
        assert (await user.decide(page))["state"] == state

    @pytest.mark.parametrize("body", ["x=" + "y" * 13_000, "client_id=%ff", "client_id=a&client_id=b", "a=1&" * 70])
    async def test_a_posted_request_that_is_none_is_a_page(self, auth, body):
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await auth.request("POST", "/authorize", data=body, headers=form)
        assert answer.status == 400
        assert answer.headers["Content-Type"].startswith("text/html")

    async def test_a_body_of_another_type_is_a_page(self, auth):
        answer = await auth.request("POST", "/authorize", json={})
        assert answer.status == 400
        assert answer.headers["Content-Type"].startswith("text/html")

    async def test_parameters_in_the_body_of_a_get_do_not_count(self, auth):
        answer = await auth.request("GET", "/authorize", data={"client_id": "x"})
        assert auth.log_of(answer.headers["X-Request-Id"])["error_id"] == "client_id_present"


@pytest.mark.invariant(4)
async def test_the_kept_request_holds_no_secret_of_the_browser(auth, client):
    user = auth.user_agent()
    await user.consent_page(auth.authorize_url(client))
    (key,) = await interactions(auth)
    kept = await auth.store.command("GET", key)
    assert json.loads(kept)["request"]["client_id"] == client.client_id
    assert user.cookies["__Host-sallyport-browser"] not in kept


async def test_the_address_of_an_issuer_with_a_path_is_below_it(start_auth):
    auth = await start_auth(ISSUER="https://auth.example/tenant")
    client = await auth.register()
    answer = await begin(auth, client)
    assert answer.forms[0].action == "/tenant/sign-in"
    refused = await begin(auth, client, prompt="none")
    assert redirect_parameters(refused.headers["Location"])["iss"] == "https://auth.example/tenant"
    assert quote(auth.issuer, safe="") in refused.headers["Location"]
