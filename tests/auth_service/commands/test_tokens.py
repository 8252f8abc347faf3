"""`tokens issue`: a token for a script, after a user's consent, and by no other way."""

import asyncio
import json
import os
import sys
import time
from contextlib import asynccontextmanager
from types import SimpleNamespace
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from auth_service.audit.log import AuditLog
from auth_service.audit.repository import AuditRepository
from auth_service.clients.client import ClientKind
from auth_service.clients.client_metadata import ClientMetadata
from auth_service.clients.repository import ClientRepository, StoredClient
from auth_service.commands import tokens
from auth_service.commands.console import CommandContext, CommandFailed, ExitStatus
from auth_service.commands.token_callback import CallbackListener
from auth_service.commands.token_flow import CLIENT_ID, TokenWish, request_token
from auth_service.grants.grant import GrantStatus
from tests.support.auth_server import NOTES, PASSWORD, RESOURCES, USERNAME, settings
from tests.support.oauth import unverified_claims

ISSUER = "http://localhost:1"
"""Nothing answers there, as in a container: the command finds the service beside itself."""


class Operator:
    """Runs the flow in this process, with the user at a browser of their own."""

    def __init__(self, auth):
        self.auth = auth
        self.user = auth.user_agent()
        port = auth.server.make_url("/").port
        self.settings = settings(ISSUER=ISSUER, PORT=port)
        self.audit = AuditLog(AuditRepository(auth.store), CollectorRegistry())
        self.context = CommandContext(self.settings, auth.store, self.audit.acting_as("operator"))

    async def consent_page(self, url):
        assert url.startswith(f"{ISSUER}/authorize?")
        return await self.user.consent_page(url.removeprefix(ISSUER))

    async def decide(self, url, decision="approve"):
        """Sign in, decide, and return the address to which the browser is sent."""
        answer = await self.user.submit(await self.consent_page(url), decision=decision)
        return answer.refresh

    async def visit(self, url):
        async with self.auth.http.get(url) as answer:
            return answer.status, await answer.text()

    async def allow(self, url):
        await self.visit(await self.decide(url))

    async def deny(self, url):
        await self.visit(await self.decide(url, "deny"))

    async def token(self, open_page=None, *, scopes=("notes:read",), seconds=30, paste=False):
        wish = TokenWish(NOTES, scopes, open_page or self.allow, wait_seconds=seconds, paste=paste)
        return await request_token(self.context, wish)


@pytest.fixture
async def operator(start_auth):
    auth = await start_auth(ISSUER=ISSUER)
    await auth.users.add(USERNAME, PASSWORD)
    made = Operator(auth)
    yield made
    await made.audit.stop()


async def test_the_token_is_that_of_a_grant_which_the_user_sees_and_can_end(operator):
    token = await operator.token()
    claims = unverified_claims(token.access_token)
    assert (claims["iss"], claims["aud"], claims["scope"], claims["client_id"]) == (
        ISSUER,
        NOTES,
        "notes:read",
        CLIENT_ID,
    )
    assert token.expires_at == pytest.approx(claims["exp"], abs=5)
    page = await operator.user.get("/account")
    assert "Sallyport command line" in page.text
    grant = await operator.auth.grants.find(claims["gid"])
    assert (grant.status, grant.username) == (GrantStatus.LIVE, USERNAME)
    assert grant.expires_at == pytest.approx(claims["exp"], abs=5), "nothing is left of it then"
    form = next(f for f in page.forms if f.inputs.get("grant") == claims["gid"])
    await operator.user.post(form.action, form.inputs)
    assert (await operator.auth.grants.find(claims["gid"])).status is GrantStatus.ENDED


@pytest.mark.invariant(7)
async def test_without_a_decision_there_is_neither_a_token_nor_a_grant(operator):
    async def look_only(url):
        await operator.consent_page(url)

    with pytest.raises(CommandFailed, match="the consent page was not answered within 1 seconds"):
        await operator.token(look_only, seconds=1)
    assert [grant async for grant in operator.auth.grants.scan()] == []


@pytest.mark.invariant(7)
async def test_a_second_token_needs_a_second_consent(operator):
    await operator.token()
    pages = []

    async def allow(url):
        pages.append((await operator.consent_page(url)).text)
        await operator.allow(url)

    await operator.token(allow)
    assert "Sallyport command line" in pages[0]


async def test_a_denied_request_is_said(operator):
    with pytest.raises(CommandFailed, match="denied"):
        await operator.token(operator.deny)


@pytest.mark.invariant(6)
async def test_a_program_that_catches_the_code_can_neither_redeem_nor_spoil_it(operator):
    refused = []

    async def caught(url):
        location = await operator.decide(url)
        sent = dict(parse_qsl(urlsplit(url).query))
        code = dict(parse_qsl(urlsplit(location).query))["code"]
        form = {"grant_type": "authorization_code", "client_id": CLIENT_ID, "redirect_uri": sent["redirect_uri"]}
        answer = await operator.auth.post("/token", {**form, "code": code, "code_verifier": "x" * 43})
        refused.append(answer.json["error"])
        await operator.visit(location)

    assert (await operator.token(caught)).access_token
    assert refused == ["invalid_grant"]


@pytest.mark.parametrize(
    "change",
    [{"state": "guessed"}, {"state": None}, {"iss": None}, {"iss": "https://other.example"}, {"code": ["one", "two"]}],
)
async def test_an_answer_to_another_request_is_refused_and_the_wait_goes_on(operator, change):
    """A page or a program that knows the port could otherwise have the command use a token of another user."""
    seen = []

    async def injected(url):
        location = await operator.decide(url)
        parameters = {**dict(parse_qsl(urlsplit(location).query)), **change}
        kept = {name: value for name, value in parameters.items() if value is not None}
        address = urlsplit(location)._replace(query=urlencode(kept, doseq=True)).geturl()
        seen.append(await operator.visit(address))
        await operator.visit(location)

    assert (await operator.token(injected)).access_token
    assert seen[0][0] == 400


async def test_the_listener_is_on_a_loopback_address_and_its_page_runs_and_keeps_nothing():
    async with CallbackListener(state="s", issuer=ISSUER) as listener, aiohttp.ClientSession() as http:
        async with http.get(f"{listener.redirect_uri}?state=<script>") as answer:
            assert "script" not in await answer.text()
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
            assert (answer.headers["Cache-Control"], answer.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
        assert listener.redirect_uri.startswith("http://127.0.0.1:")
        (site,) = listener._runner.sites
        assert site._server.sockets[0].getsockname()[0] == "127.0.0.1"


async def test_the_address_at_which_a_browser_elsewhere_ended_can_be_pasted(operator, monkeypatch, capsys):
    read_end, write_end = os.pipe()
    terminal = os.fdopen(read_end)
    monkeypatch.setattr("sys.stdin", terminal)

    async def paste(url):
        location = await operator.decide(url)
        os.write(write_end, f"http://127.0.0.1:1/callback?code=x&state=other\n\n  {location}\r\n".encode())

    assert (await operator.token(paste, paste=True)).access_token
    assert "not the address" in capsys.readouterr().err
    os.close(write_end)
    terminal.close()


async def test_the_client_is_unknown_until_the_command_has_been_used(operator):
    parameters = {"client_id": CLIENT_ID, "redirect_uri": "http://127.0.0.1:5000/callback"}
    url = f"/authorize?{urlencode(parameters)}"
    assert (await operator.auth.get(url)).status == 400
    await operator.token()
    assert (await operator.auth.get(url)).status in {200, 303}


@pytest.mark.invariant(7)
@pytest.mark.parametrize(
    "uri", ["https://attacker.example/callback", "http://localhost/callback", "http://127.0.0.1/x"]
)
async def test_the_client_is_answered_at_its_loopback_address_only(operator, uri):
    await operator.token()
    answer = await operator.auth.get(f"/authorize?{urlencode({'client_id': CLIENT_ID, 'redirect_uri': uri})}")
    assert answer.status == 400
    assert answer.onward is None


async def test_the_client_can_be_added_once_and_gets_no_refresh_token(operator):
    await operator.token()
    await operator.token()
    (record,) = await ClientRepository(operator.auth.store).list_pre_registered(now=time.time())
    assert (record.client_id, record.metadata.grant_types) == (CLIENT_ID, ("authorization_code",))


async def test_another_client_of_the_same_id_is_not_used(operator):
    metadata = ClientMetadata(("https://other.example/callback",), ("authorization_code",), "none", "Other")
    record = StoredClient(CLIENT_ID, ClientKind.PRE_REGISTERED, metadata, created_at=1, expires_at=None)
    assert await ClientRepository(operator.auth.store).add(record, now=1)
    with pytest.raises(CommandFailed, match="another client"):
        await operator.token()


@pytest.mark.parametrize("port", ["1", None])
async def test_where_the_service_does_not_run_nothing_changes_and_the_way_to_start_it_is_named(operator, port):
    """With the port of a service that has another issuer too."""
    changes = (
        {"ISSUER": ISSUER, "PORT": port} if port else {"ISSUER": "http://localhost:2", "PORT": operator.settings.port}
    )
    context = CommandContext(settings(**changes), operator.auth.store, operator.context.audit)
    with pytest.raises(CommandFailed, match="does not answer") as failed:
        await request_token(context, TokenWish(NOTES, ("notes:read",), operator.allow))
    assert failed.value.status is ExitStatus.UNAVAILABLE
    assert "make run" in failed.value.hint
    assert await ClientRepository(operator.auth.store).list_pre_registered(now=time.time()) == []


@asynccontextmanager
async def shown(operator, capsys, **options):
    await tokens.issue_and_show(operator.context, "notes:read", "", operator.allow, **options)
    yield capsys.readouterr()


async def test_a_pipe_gets_the_token_alone(operator, capsys):
    async with shown(operator, capsys, as_json=False) as printed:
        assert printed.out.startswith("eyJ")
        assert printed.out.count("\n") == 1
        assert printed.err == ""


async def test_a_terminal_gets_an_example_and_the_end_of_the_token_too(operator, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    async with shown(operator, capsys, as_json=False) as printed:
        token = printed.out.strip()
        assert f"curl {NOTES} -H 'Authorization: Bearer {token}'" in printed.err
        assert f"For {USERNAME}, with notes:read, until 20" in printed.err
        assert f"{ISSUER}/account" in printed.err


async def test_json_names_token_user_and_end(operator, capsys):
    async with shown(operator, capsys, as_json=True) as printed:
        told = json.loads(printed.out)
        assert (told["username"], told["scopes"], told["resource"]) == (USERNAME, ["notes:read"], NOTES)
        assert told["access_token"].startswith("eyJ")


async def test_a_scope_that_the_user_may_not_have_is_said(operator, capsys, monkeypatch):
    monkeypatch.setattr(
        tokens,
        "request_token",
        lambda *_: asyncio.sleep(
            0, SimpleNamespace(scopes=(), subject="s", resource="r", access_token="t", expires_at=0)
        ),
    )
    async with shown(operator, capsys, as_json=False) as printed:
        assert "Not granted: notes:read" in printed.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--scope", "notes:all"], "It has: notes:read notes:write"),
        (["--scope", 'a"b'], "RFC 6749"),
        (["--scope", "notes:read offline_access"], "cannot be refreshed"),
        (["--resource", "https://nowhere.example/mcp"], f"AUTH_RESOURCES has: {NOTES}"),
    ],
)
def test_a_wrong_wish_is_refused_with_what_there_is(commands, options, said):
    result = commands.run("tokens", "issue", *options, env={"AUTH_RESOURCES": json.dumps(RESOURCES)})
    assert result.exit_code == 1
    assert said in result.stderr
    assert result.stdout == ""
