"""A session belongs to the principal that opened it, for every method."""

import string
import time

import pytest

from mcp_service.guard.errors import BadGateway
from mcp_service.servers.http_upstream.errors import SessionNotFound
from mcp_service.servers.http_upstream.sessions import MAX_SESSION_ID, SessionBinding
from shared.access_tokens.profile import VerifiedClaims
from shared.access_tokens.verifier import VerifiedToken
from shared.jose.keys import VerificationKey
from tests.mcp_service.servers.http_upstream.conftest import Caller, rpc
from tests.support.raw_upstream import http, json_answer

OPENED = "of-the-server.1"
HELLO = rpc("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t"}})
OWNER = {"sub": "ada", "client_id": "cursor"}
OTHERS = {
    "another user": {"sub": "eve", "client_id": "cursor"},
    "the same user in another client": {"sub": "ada", "client_id": "evil-client"},
    "names that run together": {"sub": "ad", "client_id": "acursor"},
}


@pytest.fixture
def sessions(upstream):
    """The server gives every initialize the same id, and answers whatever else names it."""

    async def answer(request, writer):
        is_hello = b'"initialize"' in request.body
        if not is_hello and request.headers.get("mcp-session-id") != OPENED:
            writer.write(json_answer({"id": None, "error": {}}, status="404 Not Found"))
        elif request.line.startswith("DELETE"):
            writer.write(http("204 No Content", length=False))
        elif request.line.startswith("GET"):
            writer.write(http("200 OK", b"data: secret\n\n", "Content-Type: text/event-stream"))
        else:
            writer.write(json_answer({"id": request.rpc_id, "result": {}}, f"Mcp-Session-Id: {OPENED}"))

    upstream.answer = answer


async def open_session(caller):
    async with caller.post(HELLO) as response:
        assert response.status == 200
        return {"Mcp-Session-Id": response.headers["Mcp-Session-Id"]}


def uses(caller, session):
    """Every way to use a session."""
    return {
        "POST": lambda: caller.post(rpc("tools/list"), session),
        "the answer to a request of the server": lambda: caller.post(
            {"jsonrpc": "2.0", "id": 1, "result": {}}, session
        ),
        "GET": lambda: caller.get(session),
        "DELETE": lambda: caller.delete(session),
    }


async def test_its_owner_uses_it_and_the_server_gets_its_own_id(upstream, guard, sessions):
    owner = Caller(guard, **OWNER)
    session = await open_session(owner)
    assert session["Mcp-Session-Id"] != OPENED
    assert set(session["Mcp-Session-Id"]) <= set(string.ascii_letters + string.digits + string.punctuation)
    for use in uses(owner, session).values():
        async with use() as response:
            assert response.status in {200, 204}
        assert upstream.requests[-1].headers["mcp-session-id"] == OPENED


async def test_the_token_may_be_a_newer_one_of_the_same_principal(guard, sessions):
    session = await open_session(Caller(guard, **OWNER))
    renewed = Caller(guard, **OWNER, jti="another", iat=int(time.time()) - 5)
    for use in uses(renewed, session).values():
        async with use() as response:
            assert response.status in {200, 204}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
async def test_another_principal_finds_no_such_session_and_the_server_hears_nothing(upstream, guard, sessions, other):
    """CVE-2026-52869 and its like: not only POST."""
    session = await open_session(Caller(guard, **OWNER))
    for use in uses(Caller(guard, **other), session).values():
        async with use() as response:
            assert response.status == 404
            assert (await response.json())["error"]["code"] == -32001
            assert "WWW-Authenticate" not in response.headers
        assert guard.errors()[-1]["error_id"] == "session"
    assert len(upstream.requests) == 1
    assert len(guard.errors()) == 4


@pytest.mark.parametrize(
    "forge",
    [
        lambda _session: OPENED,
        lambda session: session[:-1] + ("A" if session[-1] != "A" else "B"),
        lambda session: session.replace("1.", "2.", 1),
        lambda session: session + "=",
        lambda session: session.rpartition(".")[0] + ".",
        lambda session: "." + session.rpartition(".")[2],
        lambda _session: ".",
        lambda _session: "x" * 3000,
    ],
)
async def test_an_id_that_the_guard_never_gave_is_unknown(upstream, guard, sessions, forge):
    owner = Caller(guard, **OWNER)
    session = await open_session(owner)
    for use in uses(owner, {"Mcp-Session-Id": forge(session["Mcp-Session-Id"])}).values():
        async with use() as response:
            assert response.status == 404
    assert len(upstream.requests) == 1


async def test_no_session_is_demanded_and_none_invented(upstream, caller):
    """Servers without sessions exist, and clients without."""
    async with caller.call() as response:
        assert response.status == 200
        assert "Mcp-Session-Id" not in response.headers
    assert "mcp-session-id" not in upstream.requests[0].headers


async def test_the_loss_of_a_session_at_the_server_is_passed_on(upstream, guard, sessions, monkeypatch):
    owner = Caller(guard, **OWNER)
    session = await open_session(owner)
    monkeypatch.setattr("tests.mcp_service.servers.http_upstream.test_sessions.OPENED", "restarted")
    async with owner.post(rpc("tools/list"), session) as response:
        assert response.status == 404


async def test_another_process_knows_a_session_if_it_has_the_same_key(upstream, make_guard, sessions):
    key = "k" * 32
    first, second = await make_guard(upstream_session_key=key), await make_guard(upstream_session_key=key)
    third = await make_guard(upstream_session_key="j" * 32)
    session = await open_session(Caller(first, **OWNER))
    async with Caller(second, **OWNER).post(rpc("tools/list"), session) as response:
        assert response.status == 200
    async with Caller(third, **OWNER).post(rpc("tools/list"), session) as response:
        assert response.status == 404


async def test_a_session_that_was_opened_without_a_token_is_no_other_users(upstream, make_guard, sessions):
    scopes = '{"scopes": {"mcp:tools": "Use"}, "default": "mcp:tools", "tools": {"a": "public"}}'
    service = await make_guard(scopes=scopes, allow_anonymous=True)
    anonymous = Caller(service)
    anonymous.credential = {}
    session = await open_session(anonymous)
    async with anonymous.post(rpc("tools/call", {"name": "a"}), session) as response:
        assert response.status == 200
    async with Caller(service, **OWNER).post(rpc("tools/list"), session) as response:
        assert response.status == 404


def token(issuer="https://a.example", subject="s", client_id="c"):
    claims = VerifiedClaims(
        issuer=issuer,
        subject=subject,
        audience=(),
        client_id=client_id,
        scopes=(),
        issued_at=0,
        expires_at=0,
        token_id="t",
        grant_id=None,
        status=None,
    )
    return VerifiedToken(claims, VerificationKey.__new__(VerificationKey))


def test_the_issuer_and_the_server_belong_to_the_binding():
    binding = SessionBinding(b"k" * 32, server="http://one/mcp")
    bound = binding.bind("id", token())
    assert binding.resolve(bound, token()) == "id"
    for other in (token(issuer="https://b.example"), token(subject="t"), token(client_id="d"), None):
        with pytest.raises(SessionNotFound):
            binding.resolve(bound, other)
    with pytest.raises(SessionNotFound):
        SessionBinding(b"k" * 32, server="http://two/mcp").resolve(bound, token())


@pytest.mark.parametrize("bad", ["", "a b", "ä", "a\x7f", "a" * (MAX_SESSION_ID + 1)])
def test_an_id_that_no_server_may_give_is_a_fault_of_the_server(bad):
    with pytest.raises(BadGateway):
        SessionBinding(b"k" * 32, server="s").bind(bad, None)
