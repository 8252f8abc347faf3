"""The user leaves scopes and claims out: the grant holds what was left, whatever a form posts and whenever."""

import asyncio
import copy
import json
from dataclasses import dataclass
from typing import Any

import pytest

from auth_service.audit.repository import AuditRepository
from tests.auth_service.authorization.test_authorize import pre_register
from tests.support.auth_server import FILES, PASSWORD, RESOURCES, USERNAME, AuthServer, Client, Code
from tests.support.oauth import redirect_parameters, unverified_claims
from tests.support.user_agent import Answer, UserAgent

pytestmark = pytest.mark.invariant(15)

ASKED = "notes:read notes:write notes:share"
WRITE, SHARE = "scope=notes:write", "scope=notes:share"


def configured(*, required=("notes:read",), claims=("email", "name"), required_claims=(), further=()):
    """AUTH_RESOURCES: of the notes four scopes, of which `notes:write` implies `notes:read`; and the files."""
    declared: list[dict[str, Any]] = copy.deepcopy(RESOURCES)
    notes, files = declared
    notes["scopes"] |= {"notes:share": {"description": "Share notes"}, "notes:delete": {"description": "Delete notes"}}
    notes["scopes"] |= {name: {"description": name} for name in further}
    for name in required:
        notes["scopes"][name]["required"] = True
    return json.dumps([notes | {"claims": claims, "required_claims": required_claims}, files])


@pytest.fixture
async def auth(start_auth):
    """A service at which `notes:read` is required."""
    server = await start_auth(RESOURCES=configured())
    await server.users.add(USERNAME, PASSWORD, name="Ada Lovelace", email="ada@example.org", email_verified=True)
    return server


@pytest.fixture
async def client(auth):
    return await auth.register(client_name="Desk", method="client_secret_basic")


@dataclass
class Asked:
    """A request at its consent page."""

    auth: AuthServer
    client: Client
    user: UserAgent
    verifier: str
    page: Answer

    @classmethod
    async def at(cls, auth, client, user=None, **changes):
        user = user or auth.user_agent()
        url, verifier = auth.authorization(client, **{"scope": ASKED} | changes)
        return cls(auth, client, user, verifier, await user.consent_page(url))

    @property
    def form(self):
        return self.page.forms[0]

    async def post(self, **changes):
        """Approve by a form of this browser, with changes."""
        return await self.user.post("/consent", self.form.inputs | {"decision": "approve"} | changes)

    async def granted(self, answer=None, **changes):
        """The token response after an approval."""
        parameters = redirect_parameters((answer or await self.post(**changes)).refresh)
        response = await self.auth.redeem(Code(parameters, self.verifier, self.client))
        assert response.status == 200, response.text
        return response.json

    async def left(self, *boxes):
        """The token response after these boxes were cleared."""
        return await self.granted(await self.user.submit(self.page, clear=boxes, decision="approve"))


def grant_of(tokens):
    return unverified_claims(tokens["access_token"])["gid"]


def error_of(auth, answer):
    return auth.log_of(answer.headers["X-Request-Id"]).get("error_id")


async def grants(auth):
    return await auth.store.command("KEYS", "sp:*:grant:*")


async def approvals(auth):
    """The fields of the audit events of a stopped service."""
    entries = [entry async for entry in AuditRepository(auth.store).read()]
    return [entry.fields for entry in entries if entry.event == "consent.approved"]


class TestPage:
    async def test_a_scope_that_is_not_required_has_a_ticked_box(self, auth, client):
        asked = await Asked.at(auth, client, scope=f"{ASKED} openid profile email offline_access")
        boxes = [WRITE, SHARE, "scope=profile", "scope=email", "claim=email", "claim=name"]
        assert asked.form.ticked == dict.fromkeys(boxes, True)
        assert "Read your notes" in asked.page.words

    async def test_implied_scopes_are_listed_beside_the_scope(self, auth, client):
        asked = await Asked.at(auth, client, scope="notes:write notes:share")
        assert "Includes: Read your notes" in asked.page.words

    async def test_a_scope_that_is_alone_is_a_line(self, auth, client):
        asked = await Asked.at(auth, client, scope="notes:share openid")
        assert not [box for box in asked.form.ticked if box.startswith("scope")]
        assert (await asked.granted())["scope"] == "notes:share openid"


class TestGrant:
    async def test_it_holds_what_was_left_and_everything_says_so(self, auth, client):
        asked = await Asked.at(auth, client)
        tokens = await asked.left(SHARE)
        assert tokens["scope"] == "notes:read notes:write"
        assert unverified_claims(tokens["access_token"])["scope"] == tokens["scope"]
        assert (await auth.grants.find(grant_of(tokens))).scopes == ("notes:read", "notes:write")
        assert (await auth.introspect(client, tokens["access_token"])).json["scope"] == tokens["scope"]
        account = await asked.user.get("/account")
        assert "notes:write" in account.text
        assert "notes:share" not in account.text

    async def test_a_refresh_that_repeats_the_old_scope_goes_on_working(self, auth, client):
        """The client remembers what it asked for, and not what it was told."""
        tokens = await (await Asked.at(auth, client)).left(WRITE, SHARE)
        answer = await auth.refresh(client, tokens["refresh_token"], scope=ASKED)
        assert (answer.status, answer.json["scope"]) == (200, "notes:read")
        assert unverified_claims(answer.json["access_token"])["scope"] == "notes:read"

    async def test_a_refresh_for_nothing_but_what_was_left_out_is_invalid_scope_and_consumes_nothing(
        self, auth, client
    ):
        tokens = await (await Asked.at(auth, client)).left(SHARE)
        answer = await auth.refresh(client, tokens["refresh_token"], scope="notes:share notes:delete")
        assert (answer.status, answer.json["error"]) == (400, "invalid_scope")
        assert (await auth.grants.find(grant_of(tokens))).generation == 0
        assert (await auth.refresh(client, tokens["refresh_token"])).json["scope"] == "notes:read notes:write"

    async def test_the_audit_log_says_what_was_granted_and_what_was_left_out(self, auth, client):
        await (await Asked.at(auth, client)).left(SHARE, "claim=email")
        await auth.stop()
        [approved] = await approvals(auth)
        assert approved["scope"] == "notes:read notes:write"
        assert approved["reason"] == "the user left out: notes:share, claim email"


class TestForgedForms:
    """A form need not be the one of the page."""

    @pytest.mark.parametrize(
        ("posted", "granted"),
        [
            (["notes:delete", "files:read", "openid", "offline_access"], "notes:read"),
            (["notes:share", "notes:share", "notes:share"], "notes:read notes:share"),
            (["notes:write notes:share", "NOTES:WRITE", "notes:*", "notes:share\u200b"], "notes:read"),
            ([], "notes:read"),
            (["notes:write"], "notes:read notes:write"),
        ],
        ids=["not requested", "repeated", "not names", "nothing", "one of two"],
    )
    async def test_it_grants_what_was_requested_and_posted_and_what_is_required(self, auth, client, posted, granted):
        asked = await Asked.at(auth, client)
        tokens = await asked.granted(scope=posted, claim=["groups", "sub", "scope", "name", "name"])
        assert tokens["scope"] == granted
        claims = unverified_claims(tokens["access_token"])
        assert (claims["scope"], claims.get("name"), "email" in claims) == (granted, "Ada Lovelace", False)

    async def test_a_scope_that_the_client_may_not_have_is_not_granted(self, auth):
        limited = await pre_register(auth, max_scope="notes:read")
        asked = await Asked.at(auth, limited)
        assert (await asked.granted(scope=ASKED.split()))["scope"] == "notes:read"

    async def test_an_implied_scope_cannot_be_left_out_alone(self, start_auth):
        auth = await start_auth(RESOURCES=configured(required=()))
        await auth.users.add(USERNAME, PASSWORD)
        asked = await Asked.at(auth, await auth.register())
        assert (await asked.left("scope=notes:read", SHARE))["scope"] == "notes:read notes:write"

    async def test_with_nothing_left_the_page_is_shown_again_and_nothing_is_decided(self, start_auth):
        auth = await start_auth(RESOURCES=configured(required=()))
        await auth.users.add(USERNAME, PASSWORD)
        asked = await Asked.at(auth, await auth.register(), scope=f"{ASKED} email openid")
        answer = await asked.user.submit(
            asked.page, clear=["scope=notes:read", WRITE, SHARE, "claim=name"], decision="approve"
        )
        assert (answer.status, error_of(auth, answer), answer.refresh) == (400, "scope_chosen", None)
        assert "Choose at least one, or deny." in answer.words
        assert [box for box, ticked in answer.forms[0].ticked.items() if ticked] == ["scope=email", "claim=email"]
        assert await grants(auth) == []
        again = await asked.user.submit(answer, decision="approve", scope=["notes:share"])
        assert (await asked.granted(again))["scope"] == "notes:share openid"

    async def test_a_user_with_nothing_left_may_still_deny(self, start_auth):
        auth = await start_auth(RESOURCES=configured(required=()))
        await auth.users.add(USERNAME, PASSWORD)
        asked = await Asked.at(auth, await auth.register())
        assert "error=access_denied" in (await asked.post(scope=[], decision="deny")).refresh

    async def test_a_page_with_many_boxes_can_be_posted(self, start_auth):
        names = [f"notes:{n}" for n in range(100)]
        auth = await start_auth(RESOURCES=configured(further=names))
        await auth.users.add(USERNAME, PASSWORD)
        asked = await Asked.at(auth, await auth.register(), scope=" ".join(["notes:read", *names]))
        assert (await asked.left("scope=notes:7"))["scope"].split() == [
            "notes:read",
            *(name for name in names if name != "notes:7"),
        ]


@pytest.mark.invariant(3)
class TestOnce:
    async def test_the_choice_of_the_first_form_stands(self, auth, client):
        asked = await Asked.at(auth, client)
        await asked.post(scope=[])
        assert (await asked.granted(scope=ASKED.split()))["scope"] == "notes:read"

    async def test_one_of_two_concurrent_forms_is_granted_and_audited(self, auth, client):
        asked = await Asked.at(auth, client)
        answers = await asyncio.gather(*(asked.post(scope=[name]) for name in ["notes:write", "notes:share"] * 3))
        assert len({answer.refresh for answer in answers}) == 1
        tokens = await asked.granted(answers[0])
        assert tokens["scope"] in {"notes:read notes:write", "notes:read notes:share"}
        await auth.stop()
        assert [fields["scope"] for fields in await approvals(auth)] == [tokens["scope"]]


@pytest.mark.invariant(11)
class TestReplicas:
    """While settings are rolled out, the page and its form may meet different ones."""

    @pytest.mark.parametrize(
        ("shown", "posted"),
        [
            ({}, {"required": ["notes:read", "notes:share"]}),
            ({"required": ["notes:read", "notes:share"]}, {}),
            ({}, {"required_claims": ["email"]}),
            ({"required_claims": ["email"]}, {}),
        ],
        ids=["scope is required now", "scope was required", "claim is required now", "claim was required"],
    )
    async def test_a_form_whose_choice_differs_from_the_current_one_is_refused(self, start_auth, shown, posted):
        older, newer = [await start_auth(RESOURCES=configured(**of)) for of in (shown, posted)]
        await older.users.add(USERNAME, PASSWORD)
        asked = await Asked.at(older, await older.register())
        moved = newer.user_agent(asked.user.cookies)
        form = asked.form.inputs | {"decision": "approve", "scope": ["notes:write"], "claim": ["name"]}
        answer = await moved.post("/consent", form)
        assert (answer.status, error_of(newer, answer)) == (400, "csrf")
        assert await grants(older) == []
        renewed = await moved.get(f"/consent?transaction={form['transaction']}")
        assert "code" in await moved.decide(renewed)

    async def test_a_scope_that_is_required_later_is_not_added_to_a_grant(self, auth, client, start_auth):
        tokens = await (await Asked.at(auth, client)).left(SHARE, "claim=email")
        later = await start_auth(
            RESOURCES=configured(required=["notes:read", "notes:share"], required_claims=["email"])
        )
        answer = (await later.refresh(client, tokens["refresh_token"], scope=ASKED)).json
        assert answer["scope"] == "notes:read notes:write"
        assert "email" not in unverified_claims(answer["access_token"])


class TestStepUp:
    """The client asks again after a 403 whose challenge names what it has and what is missing (interop.md R6)."""

    async def test_only_what_is_missing_is_asked_and_what_is_held_stays(self, auth, client):
        user = auth.user_agent()
        await (await Asked.at(auth, client, user)).left(WRITE, SHARE)
        asked = await Asked.at(auth, client, user, scope="notes:read notes:share")
        assert "Read your notes" in asked.page.words.partition("Already allowed")[2]
        assert [box for box in asked.form.ticked if box.startswith("scope")] == [SHARE]
        assert (await asked.granted())["scope"] == "notes:read notes:share"

    async def test_a_user_who_leaves_missing_scopes_out_keeps_those_that_are_held(self, start_auth):
        auth = await start_auth(RESOURCES=configured(required=()))
        await auth.users.add(USERNAME, PASSWORD)
        client, user = await auth.register(), auth.user_agent()
        await (await Asked.at(auth, client, user)).left("scope=notes:read", WRITE)
        asked = await Asked.at(auth, client, user)
        assert list(asked.form.ticked)[:2] == ["scope=notes:read", WRITE]
        assert (await asked.left("scope=notes:read", WRITE))["scope"] == "notes:share"
        again = await Asked.at(auth, client, user, scope="notes:share notes:delete")
        assert (await again.left("scope=notes:delete"))["scope"] == "notes:share"

    async def test_a_client_that_asks_for_what_is_missing_alone_keeps_its_earlier_grant(self, auth, client):
        """A token never carries what was not asked for; the grant beside it goes on."""
        user = auth.user_agent()
        before = await (await Asked.at(auth, client, user)).left(WRITE, SHARE)
        added = await (await Asked.at(auth, client, user, scope="notes:share")).granted()
        assert added["scope"] == "notes:share"
        assert (await auth.refresh(client, before["refresh_token"])).json["scope"] == "notes:read"


class TestRequired:
    async def test_a_user_who_may_not_have_it_is_told_so_and_the_client_gets_access_denied(self, start_auth):
        declared = json.loads(configured())
        declared[0]["scopes"]["notes:read"]["requires"] = {"groups": ["staff"]}
        auth = await start_auth(RESOURCES=json.dumps(declared))
        await auth.users.add(USERNAME, PASSWORD)
        user = auth.user_agent()
        url = auth.authorize_url(await auth.register(), scope="notes:read notes:share")
        page = await user.follow(await user.sign_in(await user.arrive(url)))
        assert (page.status, error_of(auth, page)) == (403, "user_required_scopes")
        assert "Read your notes" in page.words
        assert "error=access_denied" in page.text
        assert await grants(auth) == []


class TestClaims:
    async def test_a_claim_that_is_left_out_is_never_told(self, auth, client):
        asked = await Asked.at(auth, client)
        tokens = await asked.left("claim=email")
        refreshed = (await auth.refresh(client, tokens["refresh_token"])).json
        again = (await auth.refresh(client, refreshed["refresh_token"], scope="notes:read")).json
        for found in (tokens, refreshed, again):
            claims = unverified_claims(found["access_token"])
            assert (claims["name"], "email" in claims, "email_verified" in claims) == ("Ada Lovelace", False, False)
        account = (await asked.user.get("/account")).words
        assert "your name" in account
        assert "your e-mail address" not in account

    async def test_a_claim_that_the_resource_wants_only_later_is_not_told_before_the_user_decides_again(
        self, start_auth
    ):
        older = await start_auth(RESOURCES=configured(claims=["name"]))
        await older.users.add(USERNAME, PASSWORD, name="Ada Lovelace", email="ada@example.org", email_verified=True)
        client = await older.register()
        tokens = await (await Asked.at(older, client)).granted()
        newer = await start_auth(RESOURCES=configured(required_claims=["email"]))
        refreshed = (await newer.refresh(client, tokens["refresh_token"])).json
        assert "email" not in unverified_claims(refreshed["access_token"])
        decided = await (await Asked.at(newer, client)).granted()
        assert unverified_claims(decided["access_token"])["email"] == "ada@example.org"

    async def test_a_claim_that_the_resource_does_not_want_any_more_is_not_told(self, auth, client, start_auth):
        tokens = await (await Asked.at(auth, client)).granted()
        later = await start_auth(RESOURCES=configured(claims=["name"]))
        refreshed = (await later.refresh(client, tokens["refresh_token"])).json
        assert "email" not in unverified_claims(refreshed["access_token"])

    async def test_the_next_page_remembers_that_it_was_left_out(self, auth, client):
        user = auth.user_agent()
        await (await Asked.at(auth, client, user)).left("claim=email")
        asked = await Asked.at(auth, client, user)
        assert (asked.form.ticked["claim=email"], asked.form.ticked["claim=name"]) == (False, True)
        other = await Asked.at(auth, await auth.register(), user)
        assert other.form.ticked["claim=email"]

    async def test_a_resource_that_wants_none_has_none(self, auth, client):
        asked = await Asked.at(auth, client, resource=FILES, scope="files:read")
        tokens = await asked.granted(claim=["email", "name"])
        assert (await auth.grants.find(grant_of(tokens))).claims == ()
        assert "email" not in unverified_claims(tokens["access_token"])
        assert unverified_claims(tokens["access_token"])["aud"] == FILES
