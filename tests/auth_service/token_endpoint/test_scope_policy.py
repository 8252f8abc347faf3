"""What may be issued is decided by today's configuration and users, and a request that is not valid ends nothing."""

import asyncio
import json

import pytest

from auth_service.clients.repository import ClientRepository
from auth_service.grants.access_removal import AccessRemoval
from auth_service.grants.grant import GrantStatus
from auth_service.protocol.opaque import new_secret
from auth_service.status_lists.repository import StatusListRepository
from tests.auth_service.authorization.test_authorize import pre_register
from tests.support.auth_server import FILES, NOTES, RESOURCES, USERNAME, Code
from tests.support.oauth import unverified_claims


def configured(*scopes, identifier=NOTES):
    """AUTH_RESOURCES with one resource, and these of its scopes."""
    [found] = [r for r in RESOURCES if r["identifier"] == identifier]
    kept = {name: {"description": "x"} for name in scopes}
    return json.dumps([{**found, "scopes": kept, "default_scopes": list(scopes[:1])}])


NAMED = pytest.mark.parametrize(
    "named",
    [{}, {"resource": NOTES}, {"resource": f"{NOTES}/"}],
    ids=["without resource", "with resource", "with a final slash"],
)


def grant_of(code):
    return code.value.partition(".")[0]


@pytest.mark.invariant(15)
class TestConfiguration:
    """A new process reads another configuration than the one that granted."""

    async def test_a_removed_scope_is_dropped_at_the_next_refresh(self, auth, client, start_auth):
        tokens = await auth.tokens(client, scope="notes:read notes:write openid")
        later = await start_auth(RESOURCES=configured("notes:read"))
        answer = await later.refresh(client, tokens["refresh_token"])
        assert (answer.status, answer.json["scope"]) == (200, "notes:read openid")
        assert unverified_claims(answer.json["access_token"])["scope"] == "notes:read openid"

    @pytest.mark.invariant(12)
    async def test_the_tokens_that_have_a_removed_scope_are_revoked_when_the_grant_is_refreshed(self, auth, start_auth):
        """They name an entry of the status list that the grant has given up; the new one is valid."""
        client = await auth.register(method="client_secret_basic")
        tokens = await auth.tokens(client, scope="notes:read notes:write openid")
        later = await start_auth(RESOURCES=configured("notes:read"))
        refreshed = (await later.refresh(client, tokens["refresh_token"])).json
        old, new = (unverified_claims(t["access_token"])["status"]["status_list"] for t in (tokens, refreshed))
        assert (old["uri"], old["idx"] == new["idx"]) == (new["uri"], False)
        [entries] = await StatusListRepository(auth.store).revoked([old["uri"].rpartition("/")[2]])
        assert entries == {old["idx"]}
        for found, wanted in ((tokens, (False, 401)), (refreshed, (True, 200))):
            told = (await later.introspect(client, found["access_token"])).json["active"]
            headers = {"Authorization": f"Bearer {found['access_token']}"}
            assert (told, (await later.get("/userinfo", headers=headers)).status) == wanted
        assert 'sallyport_audit_events_total{event="grant.narrowed"} 1.0' in (await later.get("/metrics")).text

    @pytest.mark.invariant(6)
    async def test_a_lost_answer_yields_a_token_with_the_new_entry(self, auth, client, start_auth):
        tokens = await auth.tokens(client, scope="notes:read notes:write")
        later = await start_auth(RESOURCES=configured("notes:read"))
        answers = [(await later.refresh(client, tokens["refresh_token"])).json for _ in range(2)]
        entries = [unverified_claims(a["access_token"])["status"]["status_list"]["idx"] for a in answers]
        assert entries[0] == entries[1]
        assert answers[0]["refresh_token"] == answers[1]["refresh_token"]

    async def test_a_token_of_before_can_still_end_its_grant(self, auth, client, start_auth):
        tokens = await auth.tokens(client, scope="notes:read notes:write")
        later = await start_auth(RESOURCES=configured("notes:read"))
        await later.refresh(client, tokens["refresh_token"])
        assert (await later.revoke(client, tokens["access_token"])).status == 200
        assert (await auth.grants.find(unverified_claims(tokens["access_token"])["gid"])).status is GrantStatus.ENDED

    async def test_a_scope_parameter_narrows_the_answer_and_not_the_grant(self, auth, client):
        """RFC 6749 section 6."""
        tokens = await auth.tokens(client, scope="notes:read notes:write")
        less = (await auth.refresh(client, tokens["refresh_token"], scope="notes:read")).json
        again = (await auth.refresh(client, less["refresh_token"])).json
        assert (less["scope"], again["scope"]) == ("notes:read", "notes:read notes:write")

    async def test_a_replica_that_lacks_a_new_scope_does_not_take_it_away_from_a_client_with_a_maximum(
        self, start_auth
    ):
        older = await start_auth(RESOURCES=configured("notes:read"))
        newer = await start_auth()
        await newer.users.add(USERNAME, "violet anchor mossy tram")
        client = await pre_register(newer, max_scope="notes:read notes:write")
        tokens = await newer.tokens(client, scope="notes:read notes:write")
        less = (await older.refresh(client, tokens["refresh_token"])).json
        again = (await newer.refresh(client, less["refresh_token"])).json
        assert (less["scope"], again["scope"]) == ("notes:read", "notes:read notes:write")
        entries = {unverified_claims(t["access_token"])["status"]["status_list"]["idx"] for t in (tokens, less, again)}
        assert len(entries) == 1

    @pytest.mark.invariant(11)
    async def test_a_replica_that_lacks_a_new_scope_does_not_take_it_away(self, start_auth):
        older = await start_auth(RESOURCES=configured("notes:read"))
        newer = await start_auth()
        await newer.users.add(USERNAME, "violet anchor mossy tram")
        client = await newer.register()
        tokens = await newer.tokens(client, scope="notes:read notes:write")
        less = (await older.refresh(client, tokens["refresh_token"])).json
        again = (await newer.refresh(client, less["refresh_token"])).json
        assert (less["scope"], again["scope"]) == ("notes:read", "notes:read notes:write")

    @NAMED
    async def test_a_removed_resource_ends_its_grants(self, auth, client, start_auth, named):
        code = await auth.code(client)
        tokens = (await auth.redeem(code)).json
        later = await start_auth(RESOURCES=configured("files:read", identifier=FILES))
        answer = await later.refresh(client, tokens["refresh_token"], **named)
        assert (answer.status, answer.json["error"]) == (400, "invalid_grant")
        assert (await auth.grants.find(grant_of(code))).ended_reason == "resource_removed"

    @pytest.mark.invariant(6)
    async def test_a_request_for_another_resource_does_not_end_the_grant_of_a_removed_one(
        self, auth, client, start_auth
    ):
        code = await auth.code(client)
        tokens = (await auth.redeem(code)).json
        later = await start_auth(RESOURCES=configured("files:read", identifier=FILES))
        for other in (FILES, "https://elsewhere.example/mcp"):
            answer = await later.refresh(client, tokens["refresh_token"], resource=other)
            assert (answer.status, answer.json["error"]) == (400, "invalid_target")
        assert (await auth.grants.find(grant_of(code))).status is GrantStatus.LIVE

    @NAMED
    @pytest.mark.invariant(8, 11)
    async def test_a_resource_that_another_replica_has_already_is_no_fault_of_the_client(self, start_auth, named):
        """While a new resource is rolled out, an older replica knows nothing of its codes and grants."""
        older = await start_auth(RESOURCES=configured("files:read", identifier=FILES))
        newer = await start_auth()
        await newer.users.add(USERNAME, "violet anchor mossy tram")
        client = await newer.register()
        code = await newer.code(client)
        assert (await older.redeem(code, **named)).status == 503
        tokens = (await newer.redeem(code)).json
        assert (await older.refresh(client, tokens["refresh_token"], **named)).status == 503
        assert (await newer.refresh(client, tokens["refresh_token"])).status == 200

    async def test_a_client_that_may_have_less_than_before_gets_less_from_its_codes_and_grants(self, auth):
        """The operator removes a client and adds it again with a narrower maximum."""
        client = await pre_register(auth, max_scope="notes:write openid")
        user = auth.user_agent()
        tokens = await auth.tokens(client, user, scope="notes:write notes:read openid")
        code = await auth.code(client, user, scope="notes:write notes:read openid")
        clients = ClientRepository(auth.store)
        await clients.end(client.client_id, now=int(auth.clock()))
        await pre_register(auth, max_scope="notes:read")
        # Replicas remember a client for two seconds.
        auth.monotonic.ahead += 3
        refreshed = await auth.refresh(client, tokens["refresh_token"])
        redeemed = await auth.redeem(code)
        assert [(a.status, a.json["scope"], "id_token" in a.json) for a in (refreshed, redeemed)] == [
            (200, "notes:read", False)
        ] * 2
        grant = await auth.grants.find(unverified_claims(tokens["access_token"])["gid"])
        assert grant.scopes == ("notes:read",)
        assert grant.entry != unverified_claims(tokens["access_token"])["status"]["status_list"]["idx"]

    @pytest.mark.parametrize("removed", ["notes:write", NOTES])
    async def test_a_code_yields_what_is_still_configured_when_it_is_redeemed(self, auth, client, start_auth, removed):
        code = await auth.code(client, scope="notes:read notes:write")
        left = configured("files:read", identifier=FILES) if removed == NOTES else configured("notes:read")
        answer = await (await start_auth(RESOURCES=left)).redeem(code, resource=None)
        if removed == NOTES:
            assert (answer.status, answer.json["error"]) == (400, "invalid_target")
        else:
            assert (answer.status, answer.json["scope"]) == (200, "notes:read")

    async def test_no_common_scope_is_invalid_scope_and_spends_nothing(self, auth, client):
        tokens = await auth.tokens(client, scope="notes:read")
        answer = await auth.refresh(client, tokens["refresh_token"], scope="notes:write admin")
        assert (answer.status, answer.json["error"]) == (400, "invalid_scope")
        after = await auth.refresh(client, tokens["refresh_token"])
        assert after.json["refresh_token"].split(".")[1] == "1"


class TestUser:
    """Users are removed in one step; what they had is ended from a mark that survives an interruption."""

    async def test_a_refresh_token_of_a_removed_user_is_refused(self, auth, client):
        code = await auth.code(client)
        tokens = (await auth.redeem(code)).json
        await auth.users.remove(await auth.users.find_by_name(USERNAME))
        async with asyncio.timeout(5):
            while (await auth.grants.find(grant_of(code))).status is GrantStatus.LIVE:  # noqa: ASYNC110 - Redis tells nobody
                await asyncio.sleep(0.05)
        answer = await auth.refresh(client, tokens["refresh_token"])
        assert (answer.status, answer.json["error"]) == (400, "invalid_grant")

    @pytest.mark.invariant(15)
    async def test_the_mark_alone_refuses_a_refresh(self, auth, client, monkeypatch):
        """As while the grants of a user are still being ended."""

        begun = asyncio.Event()

        async def not_yet(*_args, **_kwargs):
            begun.set()

        monkeypatch.setattr(AccessRemoval, "end_access", not_yet)
        tokens = (await auth.redeem(await auth.code(client))).json
        await auth.users.suspend(await auth.users.find_by_name(USERNAME))
        async with asyncio.timeout(5):
            await begun.wait()
        answer = await auth.refresh(client, tokens["refresh_token"])
        assert (answer.status, answer.json["error"]) == (400, "invalid_grant")
        assert auth.log_of(answer.headers["X-Request-Id"])["error_id"] == "user_active"

    async def test_a_code_of_a_removed_user_is_refused(self, auth, client):
        code = await auth.code(client)
        await auth.users.remove(await auth.users.find_by_name(USERNAME))
        answer = await auth.redeem(code)
        assert (answer.status, answer.json["error"]) == (400, "invalid_grant")


@pytest.mark.invariant(6)
class TestReplay:
    """Only a request that is valid in everything else is a replay (OAuth 2.1 section 7.5.3)."""

    @pytest.mark.parametrize(
        "changes",
        [{"code_verifier": "v" * 43}, {"redirect_uri": "https://evil.example/"}, {"resource": FILES}],
        ids=["verifier", "redirect URI", "resource"],
    )
    async def test_a_used_code_in_a_request_that_is_not_valid_ends_nothing(self, auth, client, changes):
        code = await auth.code(client)
        tokens = (await auth.redeem(code)).json
        await auth.age_grant(grant_of(code), 3600)
        assert (await auth.redeem(code, **changes)).status == 400
        assert (await auth.refresh(client, tokens["refresh_token"])).status == 200

    async def test_a_used_code_sent_by_another_client_ends_nothing(self, auth, client):
        code = await auth.code(client)
        tokens = (await auth.redeem(code)).json
        await auth.age_grant(grant_of(code), 3600)
        answer = await auth.redeem(Code(code.parameters, code.verifier, await auth.register()))
        assert (answer.status, answer.json["error"]) == (400, "invalid_grant")
        assert (await auth.refresh(client, tokens["refresh_token"])).status == 200

    async def test_a_callback_that_is_loaded_twice_gets_invalid_grant_and_ends_nothing(self, auth, client):
        """interop.md F22."""
        code = await auth.code(client)
        tokens = (await auth.redeem(code)).json
        answer = await auth.redeem(code)
        assert (answer.status, answer.json["error"]) == (400, "invalid_grant")
        assert (await auth.refresh(client, tokens["refresh_token"])).status == 200

    async def test_a_second_redemption_from_another_network_ends_the_grant(self, start_auth):
        auth = await start_auth(TRUSTED_PROXIES='["127.0.0.1"]')
        await auth.users.add(USERNAME, "violet anchor mossy tram")
        client = await auth.register()
        code = await auth.code(client)
        sent = [
            await auth.post("/token", {**code.form(), **client.credentials()[1]}, headers={"X-Forwarded-For": address})
            for address in ("198.51.100.7", "203.0.113.9")
        ]
        assert [answer.status for answer in sent] == [200, 400]
        assert (await auth.grants.find(grant_of(code))).ended_reason == "code_reused"

    async def test_a_second_redemption_after_ten_seconds_ends_the_grant(self, auth, client):
        code = await auth.code(client)
        assert (await auth.redeem(code)).status == 200
        await auth.age_grant(grant_of(code), 11)
        assert (await auth.redeem(code)).status == 400
        assert (await auth.grants.find(grant_of(code))).status is GrantStatus.ENDED

    async def test_a_refresh_token_with_a_forged_mac_is_refused_although_its_secret_is_right(self, auth, client):
        tokens = await auth.tokens(client)
        forged = tokens["refresh_token"].rpartition(".")[0] + "." + "A" * 22
        answer = await auth.refresh(client, forged)
        assert (answer.status, answer.json["error"]) == (400, "invalid_grant")
        assert (await auth.refresh(client, tokens["refresh_token"])).status == 200


@pytest.mark.invariant(3)
async def test_a_code_that_cannot_be_redeemed_ends_no_other_grant(start_auth):
    """The limit of grants is applied by the request that won."""
    auth = await start_auth(MAX_GRANTS_PER_CLIENT=1)
    await auth.users.add(USERNAME, "violet anchor mossy tram")
    client = await auth.register()
    user = auth.user_agent()
    tokens = await auth.tokens(client, user)
    expired = await auth.code(client, user)
    await auth.age_grant(grant_of(expired), 61)
    assert (await auth.redeem(expired)).status == 400
    assert (await auth.refresh(client, tokens["refresh_token"])).status == 200


async def test_a_guess_with_the_right_grant_id_ends_nothing(auth, client):
    """The grant id is in every access token: knowing it must not be enough to end the grant."""
    tokens = await auth.tokens(client)
    parts = tokens["refresh_token"].split(".")
    guess = ".".join([parts[0], parts[1], new_secret(), parts[3]])
    assert (await auth.refresh(client, guess)).status == 400
    assert (await auth.refresh(client, tokens["refresh_token"])).status == 200


@pytest.mark.invariant(6)
class TestClocks:
    """Replicas compare times by the clock of Redis; their own may differ by more than any interval."""

    @pytest.mark.parametrize("skew", [-600, 600])
    async def test_replicas_whose_clocks_differ_give_racing_refreshes_one_successor(
        self, auth, client, start_auth, skew
    ):
        other = await start_auth()
        other.clock.ahead = skew
        token = (await auth.tokens(client))["refresh_token"]
        for _ in range(3):
            servers = [auth, other] * 4
            answers = await asyncio.gather(*(server.refresh(client, token) for server in servers))
            assert [answer.status for answer in answers] == [200] * len(servers)
            assert len({answer.json["refresh_token"] for answer in answers}) == 1
            token = answers[0].json["refresh_token"]

    @pytest.mark.parametrize("skew", [-600, 600])
    async def test_a_code_can_be_redeemed_at_a_replica_whose_clock_differs(self, auth, client, start_auth, skew):
        other = await start_auth()
        other.clock.ahead = skew
        assert (await other.redeem(await auth.code(client))).status == 200


@pytest.mark.store
@pytest.mark.invariant(3, 15)
async def test_a_code_redeemed_while_its_user_is_suspended_leaves_no_live_grant(auth, client):
    """Whichever comes first: the grant is refused, or it is in the index from which it is ended."""
    user = await auth.users.find_by_name(USERNAME)
    agent = auth.user_agent()
    codes = [await auth.code(client, agent) for _ in range(6)]
    work = [auth.redeem(code) for code in codes]
    work.insert(3, auth.users.suspend(user))
    answers = await asyncio.gather(*work)
    assert {answer.status for answer in answers if answer is not None} <= {200, 400}
    async with asyncio.timeout(5):
        while await auth.store.command("EXISTS", "sp:{users}:marked"):  # noqa: ASYNC110 - Redis tells nobody
            await asyncio.sleep(0.05)
    assert [g for code in codes if (g := await auth.grants.find(grant_of(code))).status is GrantStatus.LIVE] == []
