"""Every error has a public text, a private reason in one log line, and a request id that joins them."""

import re

import pytest

from tests.support.auth_server import LOOPBACK, PASSWORD, USERNAME

pytestmark = pytest.mark.invariant(9)


async def errors(auth, client):
    """One of each kind of error response: as JSON, as a page, by redirect."""
    code = await auth.code(client)
    user = auth.user_agent()
    return [
        await auth.get("/nowhere"),
        await auth.request("DELETE", "/token"),
        await auth.post("/token", {"client_id": "nobody-at-all"}),
        await auth.redeem(code, code_verifier="v" * 43),
        await auth.redeem(code, code="AAAAAAAAAAAAAAAAAAAAAA.x"),
        await auth.refresh(client, "secret-refresh-token"),
        await auth.token(client, {"grant_type": "made-up-grant"}),
        await auth.get("/userinfo", headers={"Authorization": "Bearer secret-access-token"}),
        await auth.request("POST", "/register", json={"redirect_uris": ["javascript:alert(1)"]}),
        await user.get(auth.authorize_url(client, redirect_uri="https://evil.example/cb")),
        await user.get(auth.authorize_url(client, client_id="nobody-at-all")),
        await user.get(auth.authorize_url(client, prompt="none")),
        await user.get("/consent?transaction=AAAAAAAAAAAAAAAAAAAAAA"),
        await user.post("/sign-in", {"csrf": "secret-csrf", "username": "u", "password": "secret-password"}),
    ]


async def test_each_is_joined_with_one_log_line_that_says_why(auth, client):
    for answer in await errors(auth, client):
        request_id = answer.headers["X-Request-Id"]
        assert re.fullmatch(r"[a-z1-9]{10}", request_id)
        line = auth.log_of(request_id)
        assert line["error_id"]
        assert line["reason"]
        assert line["status"] == answer.status
        shown = answer.headers.get("Location", "") + answer.text
        assert request_id in shown


async def test_the_private_reason_is_in_no_answer(auth, client):
    for answer in await errors(auth, client):
        line = auth.log_of(answer.headers["X-Request-Id"])
        everything = answer.text + str(answer.headers)
        assert line["reason"] not in everything
        assert f'"{line["error_id"]}"' not in everything
        assert "Traceback" not in everything


async def test_a_sent_value_that_could_be_a_secret_is_neither_shown_nor_logged(auth, client):
    answers = await errors(auth, client)
    logged = str(auth.logs)
    for secret in ("secret-refresh-token", "secret-access-token", "secret-csrf", "secret-password"):
        assert secret not in logged
        assert all(secret not in answer.text for answer in answers)


async def test_no_log_line_of_a_whole_flow_holds_a_secret(auth):
    client = await auth.register(method="client_secret_basic")
    user = auth.user_agent()
    code = await auth.code(client, user)
    tokens = (await auth.redeem(code)).json
    await auth.redeem(code)
    await auth.refresh(client, tokens["refresh_token"])
    logged = str(auth.logs)
    secrets = {PASSWORD, client.secret, code.value, code.verifier, tokens["access_token"], tokens["refresh_token"]}
    for secret in secrets | set(user.cookies.values()):
        assert secret not in logged


async def test_every_request_id_is_another(auth):
    request_ids = [(await auth.get("/nowhere")).headers["X-Request-Id"] for _ in range(50)]
    assert len(set(request_ids)) == 50


@pytest.mark.invariant(8)
@pytest.mark.parametrize("path", ["/token", "/authorize", "/sign-in"])
async def test_a_fault_of_ours_is_503_and_says_when_to_come_back(start_auth, path, monkeypatch):
    """Also for unexpected exceptions."""
    auth = await start_auth()
    await auth.users.add(USERNAME, PASSWORD)
    client = await auth.register()
    url, _ = auth.authorization(client)
    user = auth.user_agent()
    page = await user.arrive(auth.authorize_url(client))

    async def broken(*_args):
        raise RuntimeError("something private: hunter2")

    monkeypatch.setattr(auth.store, "command", broken)
    auth.monotonic.ahead += 60  # the resolver caches clients for a moment
    answer = {
        "/token": lambda: auth.refresh(client, "x"),
        "/authorize": lambda: user.get(url),
        "/sign-in": lambda: user.sign_in(page),
    }[path]
    got = await answer()
    assert got.status == 503
    assert int(got.headers["Retry-After"]) > 0
    assert "hunter2" not in got.text
    assert LOOPBACK not in got.headers.get("Location", "")
    assert any(line["event"] == "unexpected" for line in auth.logs)
