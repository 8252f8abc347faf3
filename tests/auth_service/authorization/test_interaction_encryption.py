"""The value that carries an interaction through a form until the browser has signed in, and attacks on it."""

import asyncio
import base64
import hashlib
import json
from dataclasses import replace

import pytest
from joserfc import jwe, jwt
from joserfc.jwk import OctKey

from auth_service.authorization.interaction import INTERACTION_LABEL, MAX_ENCRYPTED, InteractionEncryption, client_hash
from auth_service.authorization.interaction_repository import InteractionRepository
from auth_service.clients.client import Client, ClientKind
from auth_service.encryption import EncryptionKeys
from auth_service.sessions.cookies import Browser
from tests.support.auth_server import HOSTED, LOOPBACK, PASSWORD, USERNAME
from tests.support.grant_material import interaction
from tests.support.oauth import redirect_parameters

SECRETS = [hashlib.sha256(name).digest() for name in (b"new", b"old")]
KEY = EncryptionKeys(SECRETS).derive(INTERACTION_LABEL)[0]


def encryption(*secrets):
    return InteractionEncryption(EncryptionKeys(secrets or SECRETS).derive(INTERACTION_LABEL))


def error_of(auth, answer):
    return auth.log_of(answer.headers["X-Request-Id"]).get("error_id")


async def keys_of(auth, *kinds):
    found = [await auth.store.command("KEYS", f"sp:*:{kind}:*") for kind in kinds]
    return [len(keys) for keys in found]


def value_of(page):
    return page.forms[0].inputs["transaction"]


class TestTheValue:
    def test_it_is_a_compact_jwe_with_a_direct_key_and_comes_back_whole(self):
        began = interaction()
        value = encryption().encrypt(began)
        header = json.loads(base64.urlsafe_b64decode(value.partition(".")[0] + "=="))
        assert header == {"alg": "dir", "enc": "A256GCM"}
        assert encryption().decrypt(value) == began

    def test_the_first_key_encrypts_and_all_decrypt(self):
        new, old = SECRETS
        began = interaction()
        assert encryption(new, old).decrypt(encryption(old).encrypt(began)) == began
        assert encryption(new).decrypt(encryption(new, old).encrypt(began)) == began
        assert encryption(old).decrypt(encryption(new, old).encrypt(began)) is None

    def test_another_key_does_not_decrypt_it(self):
        assert encryption(hashlib.sha256(b"stranger").digest()).decrypt(encryption().encrypt(interaction())) is None

    def test_a_key_that_the_secret_encrypts_for_another_purpose_is_no_interaction(self):
        keys = EncryptionKeys(SECRETS)
        assert encryption().decrypt(keys.encrypt("kid", {"kty": "oct"})) is None
        other = InteractionEncryption(keys.derive(b"another purpose"))
        assert encryption().decrypt(other.encrypt(interaction())) is None

    @pytest.mark.parametrize("part", [0, 2, 3, 4])
    def test_no_bit_of_it_can_change(self, part):
        parts = encryption().encrypt(interaction()).split(".")
        for at in {0, 1, len(parts[part]) // 2, len(parts[part]) - 2}:
            for other in "AQgw":
                text = parts[part]
                changed = [*parts]
                changed[part] = text[:at] + other + text[at + 1 :]
                if changed != parts:
                    assert encryption().decrypt(".".join(changed)) is None

    def test_no_part_can_be_left_out_or_added(self):
        value = encryption().encrypt(interaction())
        parts = value.split(".")
        cuts = [".".join(parts[:at] + parts[at + 1 :]) for at in range(5)]
        emptied = [".".join([*parts[:at], "", *parts[at + 1 :]]) for at in (0, 2, 3, 4)]
        for changed in (
            *cuts,
            *emptied,
            f"{value}.",
            f".{value}",
            value + parts[4],
            f"{value}.x",
            "....",
            "",
            "\u00e9....",
        ):
            assert encryption().decrypt(changed) is None

    @pytest.mark.parametrize(
        "header",
        [
            {"alg": "dir", "enc": "A128CBC-HS256"},
            {"alg": "A256KW", "enc": "A256GCM"},
            {"alg": "A256GCMKW", "enc": "A256GCM"},
            {"alg": "dir", "enc": "A256GCM", "zip": "DEF"},
            {"alg": "dir", "enc": "A256GCM", "crit": ["x"], "x": 1},
        ],
    )
    def test_another_algorithm_is_refused_even_with_the_right_key(self, header):
        """RFC 8725 section 3.1; `zip` would let a small value unpack to a large one."""
        value = _forge(header, interaction().to_json(), KEY)
        assert encryption().decrypt(value) is None

    def test_a_signed_token_is_refused(self):
        began = json.loads(interaction().to_json())
        assert encryption().decrypt(jwt.encode({"alg": "HS256"}, began, OctKey.import_key(KEY))) is None
        none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
        assert encryption().decrypt(f"{none}..AAAA.AAAA.AAAA") is None

    def test_a_value_longer_than_any_that_is_made_is_not_decrypted(self, monkeypatch):
        def decrypted(*_args, **_kwargs):
            raise AssertionError

        monkeypatch.setattr(jwe, "decrypt_compact", decrypted)
        assert encryption().decrypt("A" * MAX_ENCRYPTED + "....") is None

    def test_the_longest_request_fits(self):
        """Control characters take six bytes each in JSON."""
        request = replace(
            interaction().request,
            client_id="https://client.example/" + "c" * 489,
            redirect_uri="https://client.example/" + "r" * 1001,
            state="\x01" * 2048,
            nonce="\x01" * 512,
            login_hint="\x01" * 200,
        )
        value = encryption().encrypt(replace(interaction(), request=request))
        assert len(value) < 32 * 1024 < MAX_ENCRYPTED
        assert encryption().decrypt(value).request == request

    def test_the_content_of_another_version_is_refused_and_no_fault(self):
        for content in (b"", b"[]", b"{}", b"{", b'{"request":{}}', b"\xff", b'{"request":{"scopes":[]},"x":1}'):
            value = _forge({"alg": "dir", "enc": "A256GCM"}, content, KEY)
            assert encryption().decrypt(value) is None


class TestAttacks:
    async def test_the_value_tells_nothing_and_travels_in_no_url_cookie_or_log(self, auth, client):
        user = auth.user_agent()
        page = await user.arrive(auth.authorize_url(client, state="a-private-state", nonce="a-private-nonce"))
        value = value_of(page)
        answer = await user.sign_in(page)
        assert "transaction=" in answer.headers["Location"]
        assert len(answer.headers["Location"]) < 60
        shown = base64.urlsafe_b64decode(value.split(".")[3] + "==")
        assert b"private" not in shown
        assert value not in "".join(user.cookies.values())
        assert value not in str(auth.logs)

    @pytest.mark.parametrize("path", ["/sign-in", "/consent"])
    async def test_a_value_of_another_browser_reads_as_one_that_never_was(self, auth, client, path):
        """Login CSRF: the victim would sign in and decide about the attacker's request."""
        attacker, victim = auth.user_agent(), auth.user_agent()
        value = value_of(await attacker.arrive(auth.authorize_url(client)))
        await victim.consent_page(auth.authorize_url(client))
        csrf = _csrf(victim, value)
        form = {"transaction": value, "csrf": csrf, "username": "ada", "password": "x", "decision": "approve"}
        answer = await victim.post(path, form)
        assert (answer.status, error_of(auth, answer)) == (400, "interaction_browser")
        form = form | {"transaction": "A" * 22, "csrf": _csrf(victim, "A" * 22)}
        gone = await victim.post(path, form)
        assert error_of(auth, gone) == "interaction_known"
        assert _words(answer) == _words(gone)

    async def test_a_tampered_value_is_unknown(self, auth, client):
        user = auth.user_agent()
        value = value_of(await user.arrive(auth.authorize_url(client)))
        changed = f"{value[:-2]}{'A' if value[-2] != 'A' else 'B'}{value[-1]}"
        form = {"transaction": changed, "csrf": _csrf(user, changed), "username": "ada", "password": "x"}
        assert error_of(auth, await user.post("/sign-in", form)) == "interaction_known"

    async def test_an_oversized_value_is_unknown(self, auth):
        user = auth.user_agent()
        await user.get("/sign-in")
        value = "A" * 60_000 + "...."
        form = {"transaction": value, "csrf": _csrf(user, value), "username": "ada", "password": "x"}
        assert error_of(auth, await user.post("/sign-in", form)) == "interaction_known"

    async def test_neither_a_wrong_password_nor_a_decision_without_session_stores_it(self, auth, client):
        user = auth.user_agent()
        page = await user.arrive(auth.authorize_url(client))
        page = await user.sign_in(page, password="wrong")
        answer = await user.post("/consent", page.forms[0].inputs | {"decision": "approve"})
        assert answer.forms[0].action == "/sign-in"
        switch = page.forms[0].inputs | {"switch": "user"}
        assert (await user.post("/sign-in", switch)).status == 200
        assert await keys_of(auth, "interaction", "decision", "grant") == [0, 0, 0]
        assert "code" in await user.decide(await user.follow(await user.sign_in(page)))

    async def test_one_that_expires_while_redis_is_asked_has_expired(self, auth, client, monkeypatch):
        user = auth.user_agent()
        signed_in = await user.sign_in(await user.arrive(auth.authorize_url(client)))
        find = InteractionRepository.find

        async def find_slowly(repository, identifier):
            found = await find(repository, identifier)
            auth.clock.ahead += auth.settings.interaction_ttl
            return found

        monkeypatch.setattr(InteractionRepository, "find", find_slowly)
        answer = await user.follow(signed_in)
        assert (answer.status, error_of(auth, answer)) == (400, "interaction_known")

    async def test_it_expires_by_an_absolute_time_that_nothing_extends(self, auth, client):
        user = auth.user_agent()
        await auth.tokens(client, user)
        waiting = await user.arrive(auth.authorize_url(client))
        auth.clock.ahead += auth.settings.interaction_ttl - 5
        sign_in = await user.get(auth.authorize_url(client, prompt="login"))
        stored = await user.follow(await user.sign_in(sign_in))
        auth.clock.ahead += 6
        answer = await user.submit(waiting, decision="approve")
        assert (answer.status, error_of(auth, answer)) == (400, "interaction_known")
        assert (await user.get(f"/consent?transaction={value_of(stored)}")).status == 200
        auth.clock.ahead += auth.settings.interaction_ttl
        answer = await user.submit(stored, decision="approve")
        assert (answer.status, error_of(auth, answer)) == (400, "interaction_known")

    async def test_an_interaction_that_is_stored_after_a_late_sign_in_lives_for_the_rest_only(self, auth, client):
        user = auth.user_agent()
        page = await user.arrive(auth.authorize_url(client))
        auth.clock.ahead += 600
        await user.sign_in(page)
        (key,) = await auth.store.command("KEYS", "sp:*:interaction:*")
        left = await auth.store.command("PEXPIRETIME", key) / 1000 - auth.clock()
        assert auth.settings.interaction_ttl - 605 < left <= auth.settings.interaction_ttl - 600

    @pytest.mark.parametrize("first", ["approve", "deny"])
    async def test_a_value_that_was_decided_makes_no_second_grant_as_long_as_it_lives(self, auth, client, first):
        user = auth.user_agent()
        await auth.tokens(client, user)
        page = await user.arrive(auth.authorize_url(client))
        decided = await user.decide(page, first)
        grants = await keys_of(auth, "grant")
        for ahead in (0, 61, auth.settings.interaction_ttl - 70):
            auth.clock.ahead += ahead
            for again in ("approve", "deny"):
                answer = await user.submit(page, decision=again)
                if first == "deny":
                    assert redirect_parameters(answer.refresh) == decided
                elif ahead:
                    assert error_of(auth, answer) == "decision_current"
                else:
                    assert redirect_parameters(answer.refresh) == decided
        auth.clock.ahead += 20
        assert error_of(auth, await user.submit(page, decision="approve")) == "interaction_known"
        assert await keys_of(auth, "grant") == grants
        (key,) = [key for key in await auth.store.command("KEYS", "sp:*:decision:*") if await _is(auth, key, first)][:1]
        assert await auth.store.command("PTTL", key) > auth.settings.interaction_ttl * 1000

    async def test_a_value_of_the_sign_in_page_makes_no_second_grant_either(self, auth, client):
        user = auth.user_agent()
        sign_in = await user.arrive(auth.authorize_url(client))
        decided = await user.decide(await user.follow(await user.sign_in(sign_in)))
        again = await user.follow(await user.sign_in(sign_in))
        assert await user.decide(again) == decided
        assert await keys_of(auth, "grant", "decision") == [1, 1]

    @pytest.mark.invariant(3)
    async def test_forty_posts_of_one_value_to_two_replicas_make_one_decision(self, auth, start_auth, client):
        user = auth.user_agent()
        await auth.tokens(client, user)
        page = await user.arrive(auth.authorize_url(client))
        replica = await start_auth()
        other = replica.user_agent(user.cookies)
        form = page.forms[0]
        posted = form.inputs | {"decision": "approve"}
        answers = await asyncio.gather(*(who.post(form.action, posted) for who in (user, other) for _ in range(20)))
        assert {answer.status for answer in answers} == {200}
        assert len({answer.refresh for answer in answers}) == 1
        assert await keys_of(auth, "grant", "decision") == [2, 2]

    @pytest.mark.parametrize("change", [{"redirect_uris": [HOSTED]}, {"client_name": "Bank"}])
    async def test_a_client_that_changed_meanwhile_gets_a_page_and_no_grant(self, auth, change):
        """The redirect URI may be another's by now, and the user saw the facts as they were."""
        metadata = {
            "redirect_uris": [LOOPBACK],
            "client_name": "Desk",
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
        }
        registered = (await auth.request("POST", "/register", json=metadata)).json
        client = type("Registered", (), {"client_id": registered["client_id"], "redirect_uri": LOOPBACK})
        user = auth.user_agent()
        sign_in = await user.arrive(auth.authorize_url(client))
        shown = await auth.user_agent().consent_page(auth.authorize_url(client))
        other = auth.user_agent()
        await other.sign_in(await other.get("/sign-in"))
        direct = await other.arrive(auth.authorize_url(client))
        answer = await auth.request(
            "PUT",
            f"/register/{registered['client_id']}",
            json={"client_id": registered["client_id"]} | metadata | change,
            headers={"Authorization": f"Bearer {registered['registration_access_token']}"},
        )
        assert answer.status == 200, answer.text
        auth.monotonic.ahead += 5  # replicas remember a client for two seconds
        late = await user.follow(await user.sign_in(sign_in))
        decided = await other.submit(direct, decision="approve")
        for page in (late, decided):
            assert (page.status, error_of(auth, page)) == (400, "client_changed")
            assert page.refresh is None
        assert "Desk" in shown.text
        assert await keys_of(auth, "grant", "decision") == [0, 0]

    async def test_a_page_that_was_open_while_the_secret_was_changed_still_works(self, start_auth):
        old, new = (base64.urlsafe_b64encode(secret).decode() for secret in SECRETS)
        before = await start_auth(KEY_ENCRYPTION_KEY=old)
        await before.users.add(USERNAME, PASSWORD)
        client = await before.register()
        user = before.user_agent()
        page = await user.arrive(before.authorize_url(client))
        after = await start_auth(KEY_ENCRYPTION_KEY=f"{new},{old}")
        user = after.user_agent(user.cookies)
        form = page.forms[0]
        signed_in = await user.post(form.action, form.inputs | {"username": USERNAME, "password": PASSWORD})
        assert "code" in await user.decide(await user.follow(signed_in))


class TestBrowsers:
    async def test_a_browser_that_keeps_no_cookies_is_told_so(self, auth, client):
        user = auth.user_agent()
        page = await user.arrive(auth.authorize_url(client))
        user.cookies.clear()
        answer = await user.sign_in(page)
        assert answer.status == 400
        assert "Allow cookies" in answer.text

    async def test_a_reload_asks_again_and_each_page_works(self, auth, client):
        user = auth.user_agent()
        url = auth.authorize_url(client)
        pages = [await user.arrive(url) for _ in range(3)]
        assert len({value_of(page) for page in pages}) == 3
        await user.follow(await user.sign_in(pages[0]))
        again = await user.arrive(url)
        assert ("decision", "approve") in again.forms[0].buttons
        assert "code" in await user.decide(again)
        assert "code" in await user.decide(await user.follow(await user.sign_in(pages[1])))

    async def test_a_second_click_on_sign_in_leads_to_the_same_decision(self, auth, client):
        user = auth.user_agent()
        page = await user.arrive(auth.authorize_url(client))
        first, second = await asyncio.gather(user.sign_in(page), user.sign_in(page))
        assert first.headers["Location"] == second.headers["Location"]
        assert await keys_of(auth, "interaction") == [1]


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"redirect_uris": (LOOPBACK, HOSTED)}, False),
        ({"redirect_uris": (HOSTED,)}, False),
        ({"client_name": "Bank"}, False),
        ({"grant_types": frozenset({"authorization_code"})}, False),
        ({"scope": "notes:read"}, False),
        ({"kind": ClientKind.PRE_REGISTERED}, False),
        ({"jwks": {"keys": []}}, True),
        ({"secret_hash": "x"}, True),
        ({"created_at": 1}, True),
    ],
)
def test_the_hash_of_a_client_covers_the_checks_and_the_page(change, same):
    client = Client("own-x", ClientKind.REGISTERED, (LOOPBACK,), client_name="Desk")
    assert (client_hash(replace(client, **change)) == client_hash(client)) is same


def _forge(header, content, key):
    algorithms = ["dir", "A256GCM", "A128CBC-HS256", "A256KW", "A256GCMKW", "DEF"]
    registry = jwe.JWERegistry(algorithms=algorithms, strict_check_header=False)
    if "crit" in header:
        return _with_header(header, _forge({"alg": "dir", "enc": "A256GCM"}, content, key))
    return jwe.encrypt_compact(header, content, OctKey.import_key(key), registry=registry)


def _with_header(header, value):
    encoded = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    return ".".join([encoded, *value.split(".")[1:]])


def _csrf(user, transaction):
    return Browser(user.cookies["__Host-sallyport-browser"], is_new=False).csrf(transaction)


def _words(answer):
    return answer.text.partition("<main")[2].partition("request ID")[0]


async def _is(auth, key, decision):
    return await auth.store.command("GET", key) == decision
