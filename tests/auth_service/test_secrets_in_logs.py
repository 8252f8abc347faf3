"""An unexpected exception is logged without the values of local variables: every endpoint, both formats."""

import asyncio

import pytest

from shared.errors import RedisUnavailable
from tests.support.auth_server import NOTES, PASSWORD, USERNAME
from tests.support.canaries import CANARIES, fail_every_route, fail_every_task, leaked, request_with_secrets
from tests.support.oauth import basic


class Breakable:
    """A store whose every method raises, once `broken` is set, an exception that nothing expects."""

    def __init__(self, store):
        self._store = store
        self.broken = False

    def __getattr__(self, name):
        if self.broken and name != "close":
            raise ZeroDivisionError
        return getattr(self._store, name)


async def test_no_endpoint_of_auth_service_prints_its_variables(start_auth, output):
    server = await start_auth(RATE_LIMITS="off")
    routes = fail_every_route(server._service)
    output.begin()
    for method, path in routes:
        answer = await server.request(
            method, path.format(client_id="client", list_id="a-list", provider="acme"), **request_with_secrets(method)
        )
        assert answer.status == 503, (method, path)
    printed = output()
    assert printed.count("ZeroDivisionError") + printed.count("RuntimeError") >= len(routes) > 25
    assert not leaked(printed)


async def test_no_background_task_of_auth_service_prints_its_variables(start_auth, output, monkeypatch):
    now, names = fail_every_task(monkeypatch)
    await start_auth(SCOPE_CHECK="on")
    output.begin()
    now.set()
    printed = ""
    async with asyncio.timeout(10):
        while printed.count("RuntimeError") < len(names):
            await asyncio.sleep(0.01)
            printed += output()
    assert names == {
        "access_removal",
        "audit_log",
        "error_log",
        "key_propagation_tracker",
        "key_ring_poll",
        "key_ring_subscription",
        "key_rotation_schedule",
        "redis_clock",
        "redis_monitor",
        "resource_scope_check",
        "status_lists",
    }
    assert not leaked(printed)


async def test_no_secret_is_printed_when_the_store_raises_an_unexpected_exception(start_auth, store, output):
    breakable = Breakable(store)
    auth = await start_auth(on=breakable, RATE_LIMITS="off")
    await auth.users.add(USERNAME, PASSWORD)
    client = await auth.register(method="client_secret_post")
    metadata = {"redirect_uris": [client.redirect_uri]}
    registered = (await auth.request("POST", "/register", json=metadata)).json
    user, newcomer = auth.user_agent(), auth.user_agent()
    first = await auth.redeem(await auth.code(client, user))
    code = await auth.code(client, user)
    sign_in = await newcomer.arrive(auth.authorize_url(client))
    consent = await user.consent_page(auth.authorize_url(client))
    account = await user.get("/account")
    access_token, refresh_token = first.json["access_token"], first.json["refresh_token"]
    form = account.forms[0].inputs
    bearer = {"Authorization": f"Bearer {access_token}"}
    manage = {"Authorization": f"Bearer {registered['registration_access_token']}"}
    secret = {"client_id": client.client_id, "client_secret": client.secret}
    registration = registered["registration_client_uri"].removeprefix(auth.issuer)
    kept = {
        "password": PASSWORD,
        "new password": CANARIES["password"],
        "code": code.value,
        "verifier": code.verifier,
        "refresh token": refresh_token,
        "access token": access_token,
        "client secret": client.secret,
        "registration access token": registered["registration_access_token"],
        "key encryption key": auth.settings.key_encryption_key[0].get_secret_value(),
        **{f"cookie {name}": value for name, value in user.cookies.items()},
        **{f"newcomer's cookie {name}": value for name, value in newcomer.cookies.items()},
    }
    assert len(kept) > 11
    passwords = {"current_password": PASSWORD, "password": CANARIES["password"], "repeated": CANARIES["password"]}
    tried = {
        "/authorize": newcomer.get("/authorize?client_id=unknown&response_type=code"),
        "/sign-in": newcomer.sign_in(sign_in),
        "/consent": user.submit(consent, decision="approve"),
        "/account": user.get("/account"),
        "/account/end-access": user.post("/account/end-access", form | {"grant": "x"}),
        "/account/password": user.post("/account/password", form | passwords),
        "/account/sign-out": user.post("/account/sign-out", form),
        "/register": auth.request("POST", "/register", json=metadata),
        "GET /register/{client_id}": auth.request("GET", registration, headers=manage),
        "PUT /register/{client_id}": auth.request("PUT", registration, headers=manage, json=registered),
        "DELETE /register/{client_id}": auth.request("DELETE", registration, headers=manage),
        "code at /token": auth.redeem(code),
        "refresh token at /token": auth.refresh(client, refresh_token, resource=NOTES),
        "Basic at /token": auth.post(
            "/token",
            {"grant_type": "refresh_token", "refresh_token": refresh_token},
            headers={"Authorization": basic(client.client_id, client.secret)},
        ),
        "/token/introspect": auth.post("/token/introspect", secret | {"token": access_token}),
        "/token/revoke": auth.post("/token/revoke", secret | {"token": refresh_token}),
        "GET /userinfo": auth.get("/userinfo", headers=bearer),
        "POST /userinfo": auth.request("POST", "/userinfo", headers=bearer),
    }
    output.begin()
    breakable.broken = True
    statuses = {name: (await answer).status for name, answer in tried.items()}
    breakable.broken = False
    printed = output()
    assert statuses == dict.fromkeys(tried, 503)
    assert printed.count("ZeroDivisionError") >= len(tried)
    assert not leaked(printed, kept)


async def test_a_credential_without_a_scheme_is_not_repeated_in_the_reason(auth, client):
    answer = await auth.post(
        "/token", {"grant_type": "refresh_token"}, headers={"Authorization": CANARIES["client-secret"]}
    )
    assert answer.status == 401
    assert "canary" not in auth.log_of(answer.headers["X-Request-Id"])["reason"]


async def test_the_arguments_of_a_command_are_not_repeated_in_the_reason(store):
    with pytest.raises(RedisUnavailable) as caught:
        await store.command("HULLO", "AUTH", "user", CANARIES["password"])
    assert "HULLO" in caught.value.reason
    assert not leaked(caught.value.reason)
