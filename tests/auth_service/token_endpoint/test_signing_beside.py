"""Access tokens signed in another thread: the refresh token is consumed by then, so nothing may be lost."""

import asyncio
import math
import threading
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from auth_service.keys.signer import ActiveKey
from auth_service.keys.signing_trials import SigningTrials, Turn

pytestmark = pytest.mark.invariant(3, 6, 8)


@pytest.fixture(autouse=True)
def _always_in_the_thread(monkeypatch):
    monkeypatch.setattr(
        SigningTrials, "next_turn", lambda _trials, _now, _signatures: Turn(in_thread=True, until=math.inf)
    )


class BeforeSigning:
    """What happens in the thread before each signature, and how many it made."""

    def __init__(self) -> None:
        self.do: Callable[[], object] = lambda: None
        self.count = 0


@pytest.fixture
def in_thread(monkeypatch):
    before, really, here = BeforeSigning(), ActiveKey.signature, threading.get_ident()

    def signature(key, signing_input):
        if threading.get_ident() != here:
            before.count += 1
            before.do()
        return really(key, signing_input)

    monkeypatch.setattr(ActiveKey, "signature", signature)
    return before


async def test_codes_and_refresh_tokens_are_exchanged_as_without_a_thread(auth, client, in_thread):
    tokens = await auth.tokens(client)
    again = (await auth.refresh(client, tokens["refresh_token"])).json
    assert in_thread.count == 2
    keys = KeySet.import_key_set((await auth.get("/.well-known/jwks.json")).json)
    for answer in (tokens, again):
        assert jwt.decode(answer["access_token"], keys, algorithms=["RS256", "ES256"]).claims["sub"]


async def test_a_refresh_token_is_good_again_after_a_signature_that_failed_in_the_thread(auth, client, in_thread):
    def fail():
        raise ValueError("no signature")

    tokens = await auth.tokens(client)
    in_thread.do = fail
    refused = await auth.refresh(client, tokens["refresh_token"])
    assert (refused.status, refused.json["error"]) == (503, "temporarily_unavailable")
    in_thread.do = lambda: None
    first = (await auth.refresh(client, tokens["refresh_token"])).json
    second = (await auth.refresh(client, tokens["refresh_token"])).json
    assert first["refresh_token"] == second["refresh_token"]


async def test_a_client_that_leaves_while_the_thread_signs_gets_the_same_successor_later(auth, client, in_thread):
    tokens = await auth.tokens(client)
    reached, may_sign = threading.Event(), threading.Event()

    def hold():
        reached.set()
        may_sign.wait(10)

    in_thread.do = hold
    form = {"grant_type": "refresh_token", "client_id": client.client_id, "refresh_token": tokens["refresh_token"]}
    body = urlencode(form).encode()
    head = b"POST /token HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    _, writer = await asyncio.open_connection("127.0.0.1", auth.server.port)
    writer.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    await asyncio.to_thread(reached.wait, 10)
    writer.close()
    await writer.wait_closed()
    may_sign.set()
    answers = [await auth.refresh(client, tokens["refresh_token"]) for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200]
    assert answers[0].json["refresh_token"] == answers[1].json["refresh_token"]
