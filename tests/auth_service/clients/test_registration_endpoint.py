"""POST /register (RFC 7591): bodies of real clients, and attacks (interop.md A6, A7, F5, F12, F20)."""

import asyncio
import json

import pytest

from auth_service.clients.authenticator import hash_secret
from auth_service.protocol.errors import UnknownClient
from shared.redis.single import SingleRedisClient
from tests.auth_service.clients.registration import RunningRegistration


@pytest.fixture
async def service(store):
    async with RunningRegistration(store) as running:
        yield running


VS_CODE = {
    "client_name": "Visual Studio Code",
    "client_uri": "https://code.visualstudio.com",
    "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
    "response_types": ["code"],
    "redirect_uris": [
        "https://insiders.vscode.dev/redirect",
        "https://vscode.dev/redirect",
        "http://127.0.0.1/",
        "http://127.0.0.1:33418/",
    ],
    "scope": "notes:read notes:write",
    "token_endpoint_auth_method": "none",
    "application_type": "native",
}
CURSOR = {
    "client_name": "Cursor",
    "redirect_uris": [
        "http://localhost:8787/callback",
        "https://www.cursor.com/agents/mcp/oauth/callback",
        "cursor://anysphere.cursor-mcp/oauth/callback",
    ],
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
    "token_endpoint_auth_method": "none",
}
LE_CHAT = {
    "client_name": "Mistral AI",
    "redirect_uris": ["https://callback.mistral.ai/v1/integrations_auth/oauth2_callback"],
    "token_endpoint_auth_method": "client_secret_basic",
    "grant_types": ["authorization_code", "refresh_token"],
}
COPILOT_STUDIO = {
    "client_name": "Microsoft Copilot Studio",
    "redirect_uris": ["https://global.consent.azure-apim.net/redirect/crd5a-5fnotes-2dmcp-5f1b2c3"],
    "grant_types": ["authorization_code", "refresh_token"],
    "token_endpoint_auth_method": "client_secret_post",
}
GEMINI_SPARK = {
    "client_name": "Gemini",
    "redirect_uris": ["https://oauth-redirect.googleusercontent.com/r/user_bound_custom-mcp-42-mcp_example_com"],
}
GROK = {
    "client_name": "Grok",
    "redirect_uris": [
        "https://grok.com/connectors-oauth-exchange-code/",
        "https://console.x.ai/connectors-oauth-exchange-code/",
    ],
    "token_endpoint_auth_method": "none",
}
WARP = {
    "client_name": "Warp",
    "redirect_uris": ["warp://mcp/oauth2callback"],
    "token_endpoint_auth_method": "none",
}
CLAUDE = {
    "client_name": "Claude",
    "redirect_uris": ["https://claude.ai/api/mcp/auth_callback"],
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
    "token_endpoint_auth_method": "none",
}


@pytest.mark.parametrize("body", [VS_CODE, CURSOR, GROK, WARP, CLAUDE], ids=lambda b: b["client_name"])
async def test_a_public_client_keeps_every_redirect_uri_and_gets_no_secret(service, body):
    answer = await service.register(body)
    assert answer["redirect_uris"] == body["redirect_uris"]
    assert answer["token_endpoint_auth_method"] == "none"
    assert answer["grant_types"] == ["authorization_code", "refresh_token"]
    assert "client_secret" not in answer
    assert "client_secret_expires_at" not in answer
    client = await service.resolver.find(answer["client_id"])
    assert client.redirect_uris == tuple(body["redirect_uris"])


@pytest.mark.parametrize("body", [LE_CHAT, COPILOT_STUDIO, GEMINI_SPARK], ids=lambda b: b["client_name"])
async def test_a_confidential_client_gets_a_secret_that_never_expires(service, store, body):
    answer = await service.register(body)
    assert answer["token_endpoint_auth_method"] == body.get("token_endpoint_auth_method", "client_secret_basic")
    assert answer["client_secret_expires_at"] == 0
    assert isinstance(answer["client_id_issued_at"], int)
    client = await service.resolver.find(answer["client_id"])
    assert client.secret_hash == hash_secret(answer["client_secret"])
    # Invariant 4: a stolen copy of the store holds no usable secret.
    kept = json.dumps(await store.command("HGETALL", f"sp:{{client:{answer['client_id']}}}"))
    assert answer["client_secret"] not in kept
    assert answer["registration_access_token"] not in kept


async def test_a_registration_of_vs_code_is_reduced_to_the_supported_values(service):
    answer = await service.register(VS_CODE)
    assert "urn:ietf:params:oauth:grant-type:device_code" not in answer["grant_types"]
    assert "application_type" not in answer
    assert answer["scope"] == VS_CODE["scope"]


async def test_the_answer_is_never_cached_and_open_to_pages_of_any_origin(service):
    async with service.http.post("/register", json=WARP, headers={"Origin": "http://localhost:6274"}) as response:
        assert response.status == 201
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert response.content_type == "application/json"


async def test_a_preflight_needs_no_authentication(service):
    headers = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    async with service.http.options("/register", headers=headers) as response:
        assert response.status == 204
        assert "content-type" in response.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize(
    "uri",
    ["javascript:alert(document.domain)", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "blob:https://a/b"],
)
@pytest.mark.parametrize("company", [[], ["https://claude.ai/api/mcp/auth_callback"]])
async def test_a_hostile_scheme_refuses_the_whole_registration(service, uri, company):
    answer = await service.register({"redirect_uris": [*company, uri]}, status=400)
    assert answer["error"] == "invalid_redirect_uri"


@pytest.mark.parametrize(
    ("content_type", "body", "status", "error"),
    [
        ("application/x-www-form-urlencoded", b"redirect_uris=x", 415, "invalid_request"),
        ("text/plain", b"{}", 415, "invalid_request"),
        ("application/json", b"", 400, "invalid_client_metadata"),
        ("application/json", b"{", 400, "invalid_client_metadata"),
        ("application/json", b"[]", 400, "invalid_client_metadata"),
        ("application/json", b"null", 400, "invalid_client_metadata"),
        ("application/json", b'{"redirect_uris": "\xff"}', 400, "invalid_client_metadata"),
        ("application/json", b"[" * 8000, 400, "invalid_client_metadata"),
        ("application/json", b'{"client_name": "a", "client_name": "b"}', 400, "invalid_client_metadata"),
        ("application/json", b'{"jwks": {"keys": [], "keys": []}}', 400, "invalid_client_metadata"),
        ("application/json", b"\xef\xbb\xbf{}", 400, "invalid_client_metadata"),
        ("application/json", b'{"x": NaN}', 400, "invalid_client_metadata"),
        ("application/json", b'{"x": 1e999}', 400, "invalid_client_metadata"),
        ("application/json", b"{}", 400, "invalid_redirect_uri"),
        ("application/json", b'{"redirect_uris": ["\\ud800://"]}', 400, "invalid_client_metadata"),
        ("application/json", b'{"client_name": "' + b"a" * 9000 + b'"}', 413, "invalid_request"),
    ],
)
async def test_bad_input_gets_a_clear_error_and_never_a_500(service, content_type, body, status, error):
    async with service.http.post("/register", data=body, headers={"Content-Type": content_type}) as response:
        assert (response.status, (await response.json())["error"]) == (status, error)


async def test_a_chunked_body_cannot_outgrow_the_bound(service):
    async def endless():
        for _ in range(64):
            yield b" " * 4096

    async with service.http.post("/register", data=endless(), headers={"Content-Type": "application/json"}) as response:
        assert response.status == 413


async def test_equal_registrations_of_a_hosted_public_client_are_one_record(service, store):
    """Interop.md F12: Claude registers anew for every connection; the store does not grow."""
    answers = await asyncio.gather(*(service.register(CLAUDE) for _ in range(20)))
    assert len({a["client_id"] for a in answers}) == 1
    assert len(await store.command("KEYS", "sp:{client:*")) == 1


async def test_registration_and_management_are_in_the_audit_log(service):
    answer = await service.register(WARP)
    await TestManagement().call(service, "PUT", answer, json=WARP | {"client_id": answer["client_id"]})
    await TestManagement().call(service, "DELETE", answer)
    for _ in range(2):
        await service.register(CLAUDE)
    assert [event.value for event, _ in service.events] == [
        "client.registered",
        "client.metadata_changed",
        "client.removed",
        "client.registered",
    ]
    assert service.events[-1][1]["redirect_host"] == "claude.ai"


async def test_a_shared_registration_cannot_be_managed_by_any_of_its_sharers(service):
    """An attacker with Claude's body cannot change the redirect URIs of its users."""
    answer = await service.register(CLAUDE)
    assert "registration_access_token" not in answer
    async with service.http.delete(
        f"/register/{answer['client_id']}", headers={"Authorization": "Bearer "}
    ) as response:
        assert response.status == 401


async def test_any_difference_makes_another_shared_client(service):
    one = await service.register(CLAUDE)
    other = await service.register(CLAUDE | {"client_name": "Claude (evil)"})
    moved = await service.register(CLAUDE | {"redirect_uris": ["https://claude.ai.evil.example/cb"]})
    assert len({one["client_id"], other["client_id"], moved["client_id"]}) == 3


@pytest.mark.parametrize("body", [LE_CHAT, WARP, CURSOR], ids=lambda b: b["client_name"])
async def test_clients_with_secrets_and_programs_on_devices_are_never_shared(service, body):
    first, second = await service.register(body), await service.register(body)
    assert first["client_id"] != second["client_id"]
    assert first["registration_access_token"] != second["registration_access_token"]


@pytest.mark.invariant(8)
async def test_a_store_that_is_away_is_503_with_retry_after():
    away = SingleRedisClient("unix:///nonexistent/valkey.sock")
    async with (
        RunningRegistration(away) as service,
        service.http.post("/register", json=WARP) as response,
    ):
        assert response.status == 503
        assert "Retry-After" in response.headers
    await away.close()


class TestManagement:
    """GET, PUT and DELETE /register/{client_id} (RFC 7592)."""

    async def call(self, service, method, answer, *, token=None, **kwargs):
        headers = {"Authorization": f"Bearer {token or answer['registration_access_token']}"}
        path = f"/register/{answer['client_id']}"
        async with service.http.request(method, path, headers=headers, **kwargs) as response:
            return response.status, (await response.json() if response.content_type == "application/json" else None)

    async def test_the_holder_reads_the_registration_and_not_its_secret(self, service):
        answer = await service.register(LE_CHAT)
        assert answer["registration_client_uri"] == f"https://auth.example/register/{answer['client_id']}"
        status, shown = await self.call(service, "GET", answer)
        assert status == 200
        assert shown == {k: v for k, v in answer.items() if not k.startswith("client_secret")}

    async def test_the_holder_replaces_the_metadata_and_the_id_and_secret_stay(self, service):
        answer = await service.register(LE_CHAT)
        await service.resolver.find(answer["client_id"])
        new = {"client_id": answer["client_id"], "redirect_uris": ["https://new.example/cb"]}
        status, shown = await self.call(service, "PUT", answer, json=new)
        assert (status, shown["redirect_uris"]) == (200, ["https://new.example/cb"])
        assert "client_name" not in shown
        client = await service.resolver.find(answer["client_id"])
        assert client.redirect_uris == ("https://new.example/cb",)
        assert client.secret_hash == hash_secret(answer["client_secret"])

    async def test_a_public_client_that_becomes_confidential_gets_a_secret_and_back(self, service):
        answer = await service.register(WARP)
        body = WARP | {"client_id": answer["client_id"], "token_endpoint_auth_method": "client_secret_basic"}
        _, confidential = await self.call(service, "PUT", answer, json=body)
        client = await service.resolver.find(answer["client_id"])
        assert client.secret_hash == hash_secret(confidential["client_secret"])
        _, public = await self.call(service, "PUT", answer, json=WARP | {"client_id": answer["client_id"]})
        assert "client_secret" not in public
        assert (await service.resolver.find(answer["client_id"])).secret_hash is None

    @pytest.mark.parametrize(
        "changes",
        [
            {"client_id": "own-other"},
            {"client_id": None},
            {"client_secret": "wrong"},
            {"client_secret": 7},
            {"redirect_uris": ["javascript:alert(1)"]},
            {"redirect_uris": []},
        ],
    )
    async def test_a_bad_update_changes_nothing(self, service, changes):
        answer = await service.register(LE_CHAT)
        before = await service.resolver.find(answer["client_id"])
        status, _ = await self.call(service, "PUT", answer, json=LE_CHAT | {"client_id": answer["client_id"]} | changes)
        assert status == 400
        service.resolver.forget(answer["client_id"])
        assert await service.resolver.find(answer["client_id"]) == before

    async def test_the_holder_deletes_the_registration_and_it_is_gone_at_once(self, service):
        answer = await service.register(WARP)
        await service.resolver.find(answer["client_id"])
        assert await self.call(service, "DELETE", answer) == (204, None)
        with pytest.raises(UnknownClient):
            await service.resolver.find(answer["client_id"])
        assert (await self.call(service, "GET", answer))[0] == 401

    @pytest.mark.invariant(9)
    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
    async def test_without_the_token_nothing_is_shown_and_nothing_changes(self, service, method):
        """A wrong token, another client's token and an unknown id are one answer."""
        mine, other = await service.register(WARP), await service.register(WARP)
        body = WARP | {"client_id": mine["client_id"]}
        answers = []
        for client_id, token in [
            (mine["client_id"], "wrong"),
            (mine["client_id"], other["registration_access_token"]),
            ("own-unknown", mine["registration_access_token"]),
            ("weird*", "x"),
        ]:
            status, shown = await self.call(service, method, mine | {"client_id": client_id}, token=token, json=body)
            answers.append((status, shown["error"], shown["error_description"]))
        assert set(answers) == {(401, "invalid_token", "The registration access token is not valid for this client.")}
        assert (await self.call(service, "GET", mine))[0] == 200

    async def test_without_a_token_the_answer_is_a_challenge(self, service):
        answer = await service.register(WARP)
        async with service.http.get(f"/register/{answer['client_id']}") as response:
            assert (response.status, response.headers["WWW-Authenticate"]) == (401, "Bearer")
