"""The attacks of RFC 9700 (Best Current Practice for OAuth 2.0 Security), each under its name, against the service.

Elsewhere: refresh token replay (section 4.14) in tests/races, audience-restricted and forged tokens (4.10) in the
tests of mcp_service, request forgery by our own fetches in test_ssrf.py, forged assertions in
test_client_assertions.py.
"""

import asyncio
import re
from urllib.parse import urlencode

import pytest

from tests.support.auth_server import HOSTED, LOOPBACK, NOTES, Client, Code
from tests.support.oauth import redirect_parameters, unverified_claims

EVIL = "https://evil.example/callback"


class TestInsufficientRedirectUriValidation:
    """Section 4.1: the answer goes to a registered address or nowhere."""

    @pytest.mark.parametrize(
        "redirect_uri",
        [
            EVIL,
            f"{HOSTED}/../../evil",
            f"{HOSTED}/extra",
            f"{HOSTED}?next={EVIL}",
            f"{HOSTED}#{EVIL}",
            HOSTED.replace("https", "http"),
            HOSTED.replace("client.example", "client.example.evil.example"),
            HOSTED.replace("client.example", "evil.example/client.example"),
            HOSTED.replace("client.example", "client.example@evil.example"),
            HOSTED.replace("client.example", "client.example:8443"),
            HOSTED.replace("client.example", "client.example%00.evil.example"),
            HOSTED.replace("client.example", "client.example\\@evil.example"),
            HOSTED.upper(),
            "javascript:alert(1)",
            "data:text/html,x",
            "//evil.example/callback",
            "null",
        ],
    )
    async def test_another_redirect_uri_gets_an_error_page_and_never_a_redirect(self, auth, redirect_uri):
        client = await auth.register(HOSTED)
        for changes in ({}, {"response_type": "token"}, {"scope": 'a"b'}, {"code_challenge": None}):
            url, _ = auth.authorization(client, redirect_uri=redirect_uri, **changes)
            answer = await auth.get(url)
            assert answer.status == 400
            assert "Location" not in answer.headers
            assert "evil" not in answer.text

    async def test_the_token_request_must_repeat_the_redirect_uri_of_the_authorization_request(self, auth):
        client = await auth.register(HOSTED, "https://client.example/other")
        code = await auth.code(client)
        answer = await auth.redeem(code, redirect_uri="https://client.example/other")
        assert (answer.status, answer.json["error"]) == (400, "invalid_grant")

    async def test_a_scheme_that_the_operator_has_withdrawn_since_is_no_longer_answered(self, start_auth):
        before = await start_auth(REDIRECT_SCHEMES="cursor,oldapp")
        client = await before.register("oldapp://callback")
        after = await start_auth(REDIRECT_SCHEMES="cursor")
        assert (await after.get(after.authorize_url(client))).status == 400


class TestOpenRedirection:
    """Section 4.11.2: the server cannot be used to send a user to an address of an attacker."""

    @pytest.mark.parametrize(
        "parameter", ["next", "return_to", "redirect", "continue", "url", "RelayState", "post_logout_redirect_uri"]
    )
    async def test_no_page_redirects_to_an_address_in_a_parameter(self, auth, client, parameter):
        user = auth.user_agent()
        page = await user.consent_page(auth.authorize_url(client))
        transaction = page.forms[0].inputs["transaction"]
        for path in ("/sign-in", "/consent", "/authorize", "/account"):
            query = urlencode({"transaction": transaction, parameter: EVIL})
            answer = await user.get(f"{path}?{query}")
            assert "evil.example" not in answer.headers.get("Location", "")
            assert "evil.example" not in answer.text

    @pytest.mark.invariant(1)
    @pytest.mark.parametrize("host", ["evil.example", "evil.example:443", "mcp.example@evil.example"])
    async def test_the_host_header_changes_no_address(self, auth, client, host):
        url, _ = auth.authorization(client, response_type="token")
        headers = {"Host": host, "X-Forwarded-Host": host, "X-Forwarded-Proto": "http", "Forwarded": f"host={host}"}
        answer = await auth.get(url, headers=headers)
        assert answer.headers["Location"].startswith(LOOPBACK)
        for path in ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"):
            assert "evil" not in (await auth.get(path, headers=headers)).text

    async def test_an_error_for_an_unverified_address_is_a_page_with_a_link(self, auth):
        """Section 4.11.2. The contents of the link: tests/auth_service/authorization/test_error_redirects.py."""
        client = await auth.register(EVIL)
        answer = await auth.get(auth.authorize_url(client, response_type="token"))
        assert answer.status == 400
        assert "Location" not in answer.headers
        assert answer.refresh is None
        assert "Go back to evil.example" in answer.words


class TestMixUp:
    """Section 4.4: a client with several servers can tell which one answered (RFC 9207)."""

    async def test_every_answer_names_its_issuer_the_errors_too(self, auth, client):
        user = auth.user_agent()
        page = await user.consent_page(auth.authorize_url(client))
        answers = [
            await user.decide(page, "approve"),
            await user.decide(await user.consent_page(auth.authorize_url(client)), "deny"),
            *[
                redirect_parameters((await auth.get(auth.authorize_url(client, **changes))).headers["Location"])
                for changes in (
                    {"response_type": "token"},
                    {"code_challenge": None},
                    {"resource": "https://other.example/"},
                    {"scope": 'a"b'},
                    {"prompt": "none"},
                    {"request": "e30.e30."},
                )
            ],
        ]
        assert {answer["iss"] for answer in answers} == {auth.issuer}

    async def test_a_request_cannot_bring_an_issuer_of_its_own_into_the_answer(self, auth):
        client = await auth.register(f"{HOSTED}?tenant=a")
        code = await auth.code(client, iss="https://evil.example", state="x&iss=https://evil.example")
        assert code.parameters["iss"] == auth.issuer

    async def test_a_registered_address_with_an_issuer_in_its_query_cannot_outvote_the_real_one(self, auth):
        """A parameter twice is read differently by different clients: such an address is not answered at all."""
        answer = await auth.request(
            "POST",
            "/register",
            json={"redirect_uris": [f"{HOSTED}?iss=https://evil.example"], "token_endpoint_auth_method": "none"},
        )
        assert (answer.status, answer.json["error"]) == (400, "invalid_redirect_uri")

    async def test_a_code_of_another_client_is_refused(self, auth):
        honest, attacker = await auth.register(HOSTED), await auth.register(EVIL)
        code = await auth.code(honest)
        answer = await auth.token(attacker, code.form())
        assert (answer.status, answer.json["error"]) == (400, "invalid_grant")


class TestCodeInjection:
    """Section 4.5: a stolen code is worth nothing in the attacker's own session."""

    async def test_a_stolen_code_is_useless_without_the_verifier(self, auth):
        client = await auth.register(HOSTED)
        stolen, own = await auth.code(client), await auth.code(client)
        answer = await auth.redeem(stolen, code_verifier=own.verifier)
        assert (answer.status, answer.json["error"]) == (400, "invalid_grant")

    async def test_a_confidential_client_needs_the_verifier_too(self, auth):
        client = await auth.register(HOSTED, method="client_secret_basic")
        code = await auth.code(client)
        assert (await auth.redeem(code, code_verifier=None)).status == 400
        assert (await auth.redeem(code)).status == 200

    @pytest.mark.invariant(3)
    async def test_trying_verifiers_does_not_burn_the_honest_clients_code(self, auth):
        """Nothing is consumed before everything is validated."""
        code = await auth.code(await auth.register(HOSTED))
        for n in range(5):
            assert (await auth.redeem(code, code_verifier=f"{n}" * 43)).status == 400
        assert (await auth.redeem(code)).status == 200


class TestPkceDowngrade:
    """Section 4.8: a request with a removed or weakened challenge gets no code."""

    @pytest.mark.parametrize(
        "changes",
        [
            {"code_challenge": None},
            {"code_challenge": None, "code_challenge_method": None},
            {"code_challenge_method": None},
            {"code_challenge_method": "plain"},
            {"code_challenge_method": "s256"},
            {"code_challenge_method": "S512"},
            {"code_challenge": ""},
            {"code_challenge": "short"},
            {"code_challenge": "a" * 44},
            {"code_challenge": "=" * 43},
        ],
    )
    async def test_an_authorization_request_without_s256_is_refused(self, auth, client, changes):
        answer = await auth.get(auth.authorize_url(client, **changes))
        assert redirect_parameters(answer.headers["Location"])["error"] == "invalid_request"

    @pytest.mark.parametrize("verifier", [None, "", "a" * 43, "a" * 129, "challenge"])
    async def test_a_token_request_without_the_right_verifier_is_refused(self, auth, client, verifier):
        code = await auth.code(client)
        wrong = code.form()["code_verifier"][::-1] if verifier == "challenge" else verifier
        answer = await auth.redeem(code, code_verifier=wrong)
        assert answer.status == 400

    async def test_the_challenge_itself_is_no_verifier(self, auth, client):
        user = auth.user_agent()
        page = await user.consent_page(auth.authorize_url(client, code_challenge="A" * 43))
        code = (await user.decide(page))["code"]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": LOOPBACK, "code_verifier": "A" * 43}
        assert (await auth.token(client, form)).status == 400


class TestCsrf:
    """Section 4.7: a decision cannot be made in the name of another user."""

    async def test_a_decision_without_the_pages_own_value_is_refused(self, auth, client):
        user = auth.user_agent()
        form = (await user.consent_page(auth.authorize_url(client))).forms[0]
        other = (await user.consent_page(auth.authorize_url(client))).forms[0]
        for forged in (
            {"csrf": ""},
            {"csrf": "x" * 43},
            {"csrf": other.inputs["csrf"]},
            {"transaction": other.inputs["transaction"]},
        ):
            answer = await user.post(form.action, form.inputs | {"decision": "approve"} | forged)
            assert (answer.status, answer.refresh) == (400, None)

    async def test_a_page_of_another_browser_decides_nothing(self, auth, client):
        """The attacker's own transaction, sent by the victim's browser and the other way round."""
        attacker, victim = auth.user_agent(), auth.user_agent()
        theirs = (await attacker.consent_page(auth.authorize_url(client))).forms[0]
        mine = (await victim.consent_page(auth.authorize_url(client))).forms[0]
        for browser, form in ((victim, theirs), (attacker, mine)):
            answer = await browser.post(form.action, form.inputs | {"decision": "approve"})
            assert (answer.status, answer.refresh) == (400, None)

    async def test_the_link_to_a_decision_is_of_no_use_in_another_browser(self, auth, client):
        """Session fixation: a victim who opens the attacker's link does not sign in for the attacker."""
        attacker, victim = auth.user_agent(), auth.user_agent()
        page = await attacker.consent_page(auth.authorize_url(client))
        answer = await victim.get(f"/consent?transaction={page.forms[0].inputs['transaction']}")
        assert answer.status == 400
        assert not answer.forms

    @pytest.mark.parametrize("site", ["cross-site", "same-site"])
    async def test_a_form_that_the_browser_says_came_from_elsewhere_is_refused(self, auth, client, site):
        user = auth.user_agent()
        form = (await user.consent_page(auth.authorize_url(client))).forms[0]
        answer = await user.post(form.action, form.inputs | {"decision": "approve"}, headers={"Sec-Fetch-Site": site})
        assert (answer.status, answer.refresh) == (403, None)

    async def test_get_never_decides(self, auth, client):
        user = auth.user_agent()
        form = (await user.consent_page(auth.authorize_url(client))).forms[0]
        answer = await user.get(f"{form.action}?{urlencode(form.inputs | {'decision': 'approve'})}")
        assert answer.refresh is None

    async def test_pages_set_their_cookies_for_this_site_and_out_of_reach_of_scripts(self, auth, client):
        user = auth.user_agent()
        answer = await user.get(auth.authorize_url(client))
        for cookie in answer.headers.getall("Set-Cookie"):
            assert cookie.startswith("__Host-")
            assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}


class TestClickjacking:
    """Section 4.16: no page of ours appears inside another."""

    async def test_every_page_refuses_to_be_framed(self, auth, client):
        user = auth.user_agent()
        sign_in = await user.arrive(auth.authorize_url(client))
        consent = await user.follow(await user.sign_in(sign_in))
        gone_on = await user.submit(consent, decision="approve")
        error = await user.get("/authorize")
        unknown = await user.get(auth.authorize_url(Client("own-unknown", HOSTED)))
        account = await user.get("/account")
        for page in (sign_in, consent, gone_on, error, unknown, account):
            assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
            assert page.headers["X-Frame-Options"] == "DENY"

    async def test_no_page_runs_scripts(self, auth, client):
        page = await auth.user_agent().consent_page(auth.authorize_url(client, state="<script>alert(1)</script>"))
        assert "<script" not in page.text
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "unsafe" not in policy


class TestConsentPhishing:
    """Interop.md F20; RFC 9700 sections 2.1 and 4.11: the page warns of a client that takes the name of another."""

    @pytest.mark.invariant(7)
    async def test_a_registration_that_calls_itself_claude_shows_where_the_answer_really_goes(self, auth):
        page = await auth.user_agent().consent_page(auth.authorize_url(await auth.register(EVIL, client_name="Claude")))
        assert '<code class="host">evil.example</code>' in page.text
        assert "Unverified app." in page.text
        assert "This may not be Claude." in page.text

    async def test_an_app_scheme_that_looks_like_a_host_is_not_shown_as_one(self, auth):
        page = await auth.user_agent().consent_page(
            auth.authorize_url(await auth.register("cursor://claude.ai/callback", client_name="Claude"))
        )
        outside_of_details = re.sub(r"<details.*?</details>", "", page.text, flags=re.DOTALL)
        assert "claude.ai" not in outside_of_details
        assert '<code class="host">cursor://</code>' in page.text

    async def test_a_program_on_the_device_is_warned_of(self, auth):
        page = await auth.user_agent().consent_page(
            auth.authorize_url(await auth.register(LOOPBACK, client_name="VS Code"))
        )
        assert "It could be any program." in page.text

    @pytest.mark.parametrize(
        "name",
        ["<img src=x onerror=alert(1)>", "Claude\u202eevil", "Claude\n\n\nVouched for by claude.ai", "{{ 7919*7919 }}"],
    )
    async def test_a_client_name_adds_no_markup_to_the_page(self, auth, name):
        page = await auth.user_agent().consent_page(auth.authorize_url(await auth.register(EVIL, client_name=name)))
        assert "<img" not in page.text
        assert "\u202e" not in page.text
        assert str(7919 * 7919) not in page.text  # long enough never to turn up in a random token of the page
        assert "\nVouched for by claude.ai" not in page.text

    async def test_consent_to_one_client_is_no_consent_to_a_look_alike(self, auth):
        """Nothing is approved by itself, whatever was approved before and however alike the names are."""
        user = auth.user_agent()
        await auth.tokens(await auth.register(HOSTED, client_name="Claude"), user)
        page = await user.consent_page(auth.authorize_url(await auth.register(EVIL, client_name="Claude")))
        assert ("decision", "approve") in page.forms[0].buttons
        assert "Already allowed" not in page.text

    async def test_an_attacker_cannot_take_over_the_record_that_hosted_clients_share(self, auth):
        honest = await auth.register(HOSTED, client_name="Hosted")
        attacker = await auth.register(HOSTED, EVIL, client_name="Hosted")
        assert attacker.client_id != honest.client_id
        url, _ = auth.authorization(honest, redirect_uri=EVIL)
        assert (await auth.get(url)).status == 400

    async def test_a_document_at_a_forbidden_address_differs_from_a_lost_registration(self, auth):
        url, _ = auth.authorization(Client("https://127.0.0.1/client.json", HOSTED))
        answer = await auth.get(url)
        assert "metadata document" in answer.text
        assert "Connect this app again" not in answer.text
        assert "Location" not in answer.headers

    async def test_more_scopes_than_were_shown_are_never_granted(self, auth, client):
        user = auth.user_agent()
        url, verifier = auth.authorization(client, scope="notes:read")
        page = await user.consent_page(url)
        form = page.forms[0]
        forged = {"decision": "approve", "scope": "notes:write", "resource": "https://evil.example/mcp"}
        answer = await user.post(form.action, form.inputs | forged)
        code = Code(redirect_parameters(answer.refresh), verifier, client)
        tokens = (await auth.redeem(code, scope="notes:write")).json
        assert tokens["scope"] == "notes:read"
        assert unverified_claims(tokens["access_token"])["aud"] == NOTES


class TestCredentialLeakage:
    """Sections 4.2 and 4.3: codes and tokens do not travel where they can be read."""

    async def test_no_page_sends_a_referrer(self, auth, client):
        user = auth.user_agent()
        consent = await user.consent_page(auth.authorize_url(client))
        gone_on = await user.submit(consent, decision="approve")
        for page in (consent, gone_on):
            assert page.headers["Referrer-Policy"] == "no-referrer"
            assert page.headers["Cache-Control"] == "no-store"

    async def test_tokens_are_not_taken_from_or_put_into_addresses(self, auth, client):
        code = await auth.code(client)
        answer = await auth.request("POST", f"/token?{urlencode(code.form() | {'client_id': client.client_id})}")
        assert answer.status in {400, 415}
        assert (await auth.get(f"/token?{urlencode(code.form())}")).status == 405
        location = (await auth.get(auth.authorize_url(client, response_type="token"))).headers["Location"]
        assert "access_token" not in location
        assert "#" not in location

    async def test_the_log_holds_neither_codes_nor_tokens_nor_secrets(self, auth):
        client = await auth.register(HOSTED, method="client_secret_post")
        code = await auth.code(client)
        answer = await auth.redeem(code)
        await auth.redeem(code, code_verifier="x" * 43)
        secrets_of_the_flow = [
            code.value,
            code.verifier,
            client.secret,
            answer.json["access_token"],
            answer.json["refresh_token"],
        ]
        assert not any(secret in str(auth.logs) for secret in secrets_of_the_flow)


class TestRedirectStatus:
    """Section 4.12: a 307 would send the password on to the client."""

    async def test_nothing_is_redirected_with_307_or_308(self, auth, client):
        user = auth.user_agent()
        page = await user.get(auth.authorize_url(client))
        assert page.status == 200
        assert (await user.sign_in(page)).status == 303


class TestClientImpersonatingAResourceOwner:
    """Section 4.15: a client cannot choose an id that could pass for a user's."""

    async def test_ids_of_clients_and_of_users_never_collide(self, auth):
        subject = (await auth.users.find_by_name("ada")).subject
        answer = await auth.request(
            "POST",
            "/register",
            json={"redirect_uris": [HOSTED], "client_id": subject, "token_endpoint_auth_method": "none"},
        )
        assert answer.json["client_id"] != subject
        claims = unverified_claims((await auth.tokens(await auth.register(HOSTED)))["access_token"])
        assert claims["sub"] == subject
        assert claims["client_id"].startswith("shared-")


class TestDenialOfServiceByRegistration:
    """Section 4.1 and interop.md F12: registrations of an attacker all day lock no client out."""

    async def test_the_shared_record_of_a_hosted_client_survives_a_flood_of_others(self, auth):
        honest = await auth.register(HOSTED, client_name="Hosted")
        await asyncio.gather(
            *(
                auth.request("POST", "/register", json={"redirect_uris": [f"https://flood.example/{n}"]})
                for n in range(50)
            )
        )
        assert (await auth.tokens(honest))["access_token"]

    async def test_a_registration_that_was_not_used_is_gone_after_a_day(self, auth):
        unused = await auth.register(EVIL)
        ttl = await auth.store.command("TTL", f"sp:{{client:{unused.client_id}}}")
        assert 0 < ttl <= 86_400


async def test_a_resource_of_another_server_gets_no_token(auth, client):
    """Section 2.3: tokens are for one audience, and only for one that was configured."""
    answer = await auth.get(auth.authorize_url(client, resource="https://evil.example/mcp"))
    assert redirect_parameters(answer.headers["Location"])["error"] == "invalid_target"
    claims = unverified_claims((await auth.tokens(client))["access_token"])
    assert claims["aud"] == NOTES


async def test_parameters_of_an_answer_are_not_confused_by_what_a_client_sends(auth):
    """Section 4.5 and 4.7: state comes back whole, and cannot smuggle a second code."""
    client = await auth.register(HOSTED)
    code = await auth.code(client, state="s&code=forged#iss=x")
    assert code.parameters["state"] == "s&code=forged#iss=x"
    assert (await auth.redeem(code)).status == 200
