"""The caller closes the connection in the middle: what was begun is done, told and counted."""

import asyncio
from urllib.parse import urlencode

import pytest

from auth_service.grants.grant import GrantStatus
from tests.support.auth_server import PASSWORD, USERNAME
from tests.support.gated_redis_client import GatedRedisClient

pytestmark = pytest.mark.invariant(6, 9)


@pytest.fixture
def gated(store):
    return GatedRedisClient(store)


@pytest.fixture
async def auth(start_auth, gated):
    server = await start_auth(on=gated)
    await server.users.add(USERNAME, PASSWORD)
    return server


async def post_and_leave(auth, gated, script, client, form):
    """Send a token request, and leave when the store has done the step but not answered."""
    body = urlencode({"client_id": client.client_id} | form).encode()
    head = b"POST /token HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    gated.hold(script)
    _, writer = await asyncio.open_connection("127.0.0.1", auth.server.port)
    others = set(auth.server.runner.server.connections)
    writer.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    await gated.reached.wait()
    ours = set(auth.server.runner.server.connections) - others or others
    writer.close()
    await writer.wait_closed()
    while ours & set(auth.server.runner.server.connections) == ours:  # noqa: ASYNC110 - aiohttp announces nothing
        await asyncio.sleep(0)
    logged = len(auth.logs)
    gated.release()
    while len(auth.logs) == logged:  # noqa: ASYNC110 - the log line is the event
        await asyncio.sleep(0)


async def counted(auth, event):
    text = (await auth.get("/metrics")).text
    return f'sallyport_audit_events_total{{event="{event}"}} 1.0' in text


async def test_a_replay_whose_caller_does_not_wait_is_still_recorded(auth, gated, client):
    tokens = await auth.tokens(client)
    second = (await auth.refresh(client, tokens["refresh_token"])).json
    await auth.refresh(client, second["refresh_token"])
    await auth.age_grant(tokens["refresh_token"].partition(".")[0], 61)
    replay = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}

    await post_and_leave(auth, gated, "rotate_refresh_token", client, replay)

    assert auth.logs[-1]["error_id"] == "refresh_reused"
    assert await counted(auth, "token.refresh_reused")


async def test_a_grant_made_for_a_disconnected_caller_is_recorded(auth, gated, client):
    code = await auth.code(client)

    await post_and_leave(auth, gated, "redeem_code", client, code.form())

    assert (await auth.grants.find(code.value.partition(".")[0])).status is GrantStatus.LIVE
    assert await counted(auth, "grant.created")


@pytest.mark.invariant(6)
async def test_a_refresh_whose_answer_was_lost_is_answered_again(auth, gated, client):
    tokens = await auth.tokens(client)
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}

    await post_and_leave(auth, gated, "rotate_refresh_token", client, form)

    again = await auth.refresh(client, tokens["refresh_token"])
    assert again.json["refresh_token"].split(".")[1] == "1"


async def test_a_stopping_server_waits_for_what_has_no_caller_any_more(auth, gated, client):
    code = await auth.code(client)
    gated.hold("redeem_code")
    request = asyncio.create_task(auth.redeem(code))
    await gated.reached.wait()
    request.cancel()
    stopping = asyncio.create_task(auth.server.close())
    done, _ = await asyncio.wait({stopping}, timeout=0.2)
    gated.release()
    await stopping
    assert not done
    assert auth.logs[-1]["status"] == 200
