"""The review of an identity between the two steps of a refresh: other replicas act, know less, or Redis goes away."""

import asyncio

import pytest

from auth_service.grants.grant import GrantStatus
from auth_service.status_lists.repository import StatusListRepository
from tests.support.faulty_redis import FaultyRedis, RedisFault
from tests.support.federated import error_of, grant_of, providers, resources
from tests.support.gated_redis_client import GatedRedisClient
from tests.support.oauth import unverified_claims

ROTATE = "rotate_refresh_token"


def entry_of(tokens):
    return unverified_claims(tokens["access_token"])["status"]["status_list"]


async def revoked_entries(server, tokens):
    [entries] = await StatusListRepository(server.store).revoked([entry_of(tokens)["uri"].rpartition("/")[2]])
    return entries


class TestMeanwhile:
    """One replica has learned that the identity is to be reviewed, and is held there."""

    @pytest.fixture
    def gated(self, store):
        return GatedRedisClient(store)

    @pytest.fixture
    async def held(self, federated, server, gated):
        """A second replica, whose next refresh waits between its two steps."""
        return await federated.start(on=gated)

    async def between_the_steps(self, gated, refresh, *actions):
        """The answer of a refresh whose review begins after these actions."""
        gated.hold(ROTATE)
        answer = asyncio.ensure_future(refresh)
        await gated.reached.wait()
        done = [await action() for action in actions]
        gated.release()
        return await answer, *done

    @pytest.mark.invariant(3, 6)
    async def test_a_refresh_that_another_replica_overtakes_yields_its_successor(
        self, federated, server, desk, held, gated
    ):
        federated.state(groups=("staff",))
        tokens = await federated.tokens(server, desk)
        late, early = await self.between_the_steps(
            gated,
            held.refresh(desk, tokens["refresh_token"]),
            lambda: server.refresh(desk, tokens["refresh_token"]),
        )
        assert (late.status, early.status) == (200, 200)
        assert late.json["refresh_token"] == early.json["refresh_token"]
        assert (await server.grants.find(grant_of(tokens))).generation == 1

    @pytest.mark.invariant(13, 15)
    async def test_a_group_that_is_taken_away_before_the_review_is_gone(self, federated, server, desk, held, gated):
        federated.state(groups=("staff",))
        tokens = await federated.tokens(server, desk)
        federated.state()
        answer, _ = await self.between_the_steps(
            gated, held.refresh(desk, tokens["refresh_token"]), lambda: federated.sign_in(server)
        )
        assert answer.json["scope"] == "notes:read"
        assert await revoked_entries(server, tokens) == {entry_of(tokens)["idx"]}

    @pytest.mark.invariant(12, 13, 15)
    async def test_a_token_of_a_review_that_became_wrong_is_revoked_by_the_next_refresh(
        self, federated, server, desk, held, gated
    ):
        """The review came before the change: its token is wider than the rules, until another refresh narrows."""
        federated.state(groups=("staff",))
        tokens = await federated.tokens(server, desk)
        federated.state()
        gated.hold(ROTATE)
        first = asyncio.ensure_future(held.refresh(desk, tokens["refresh_token"]))
        await gated.reached.wait()
        gated.hold(ROTATE)  # the second step is done and its answer held back: the review is over
        gated.release()
        await gated.reached.wait()
        await federated.sign_in(server)
        narrowed = (await server.refresh(desk, tokens["refresh_token"])).json
        gated.release()
        wide = (await first).json
        assert (wide["scope"], narrowed["scope"]) == ("notes:read notes:write notes:admin", "notes:read")
        assert wide["refresh_token"] == narrowed["refresh_token"]
        assert await revoked_entries(server, tokens) == {entry_of(wide)["idx"]}
        assert entry_of(narrowed)["idx"] != entry_of(wide)["idx"]

    @pytest.mark.invariant(12, 13)
    async def test_an_identity_that_another_replica_refuses_meanwhile_gets_nothing(
        self, federated, server, desk, held, gated
    ):
        federated.state()
        tokens = await federated.tokens(server, desk)
        later = await federated.start(IDENTITY_PROVIDERS=providers(federated.upstreams, deny={"everyone": True}))
        answer, refused = await self.between_the_steps(
            gated,
            held.refresh(desk, tokens["refresh_token"]),
            lambda: later.refresh(desk, tokens["refresh_token"]),
        )
        assert (answer.json["error"], refused.json["error"]) == ("invalid_grant", "invalid_grant")
        assert await revoked_entries(server, tokens) == {entry_of(tokens)["idx"]}


class TestRedisGoesAway:
    """After the step that asks for a review."""

    @pytest.fixture
    def store_url(self, single_store_url):
        return single_store_url

    @pytest.fixture
    async def proxy(self, store_url):
        async with FaultyRedis(store_url) as running:
            yield running

    @pytest.fixture
    async def through_proxy(self, proxy):
        client = proxy.connect(timeout_seconds=0.3)
        yield client
        await client.close()

    @pytest.mark.invariant(3, 6, 8)
    @pytest.mark.parametrize("fault", [RedisFault.HANG_UP, RedisFault.STALL])
    async def test_nothing_is_lost_and_the_retry_works(self, federated, server, desk, proxy, through_proxy, fault):
        federated.state(groups=("staff",))
        tokens = await federated.tokens(server, desk)
        gated = GatedRedisClient(through_proxy)
        replica = await federated.start(on=gated)
        gated.hold(ROTATE)
        request = asyncio.ensure_future(replica.refresh(desk, tokens["refresh_token"]))
        await gated.reached.wait()
        proxy.fault = fault
        gated.release()
        answer = await request
        assert (answer.status, answer.json["error"]) == (503, "temporarily_unavailable")
        assert int(answer.headers["Retry-After"]) > 0
        grant = await server.grants.find(grant_of(tokens))
        assert (grant.status, grant.generation) == (GrantStatus.LIVE, 0)
        proxy.fault = RedisFault.NONE
        again = await replica.refresh(desk, tokens["refresh_token"])
        assert (again.status, again.json["scope"]) == (200, tokens["scope"])

    @pytest.mark.invariant(3, 6, 8)
    async def test_the_answer_of_the_second_step_is_lost_and_the_retry_yields_the_same_successor(
        self, federated, server, desk, proxy, through_proxy
    ):
        federated.state(groups=("staff",))
        tokens = await federated.tokens(server, desk)
        gated = LosingRedisClient(through_proxy, proxy)
        replica = await federated.start(on=gated)
        answer = await replica.refresh(desk, tokens["refresh_token"])
        assert answer.status == 503
        assert (await server.grants.find(grant_of(tokens))).generation == 1
        proxy.fault = RedisFault.NONE
        again, once_more = [await replica.refresh(desk, tokens["refresh_token"]) for _ in range(2)]
        assert again.status == 200
        assert again.json["refresh_token"] == once_more.json["refresh_token"]


class LosingRedisClient(GatedRedisClient):
    """Loses the answer of the second step of a refresh, which is done."""

    def __init__(self, store, proxy):
        super().__init__(store)
        self._proxy = proxy
        self._steps = 0

    async def run(self, script, keys, args):
        self._steps += script.name == ROTATE
        if script.name == ROTATE and self._steps == 2:
            self._proxy.fault = RedisFault.LOSE_ANSWERS
        return await super().run(script, keys, args)


class TestConfigurationOfAnotherReplica:
    """While a new configuration is rolled out, replicas of both are asked about one grant."""

    @pytest.fixture
    async def older(self, federated):
        """A replica that does not know the provider."""
        return await federated.start(IDENTITY_PROVIDERS=providers(federated.upstreams, id="former"))

    @pytest.fixture
    async def newer(self, older, federated):
        server = await federated.start()
        federated.state(groups=("staff",))
        return server

    @pytest.mark.invariant(6, 8)
    @pytest.mark.parametrize("parameters", [{}, {"scope": "notes:read"}], ids=["plain", "with scope"])
    async def test_a_provider_that_only_another_replica_has_is_no_fault_of_the_grant(
        self, federated, older, newer, parameters
    ):
        client = await newer.register()
        tokens = await federated.tokens(newer, client)
        answer = await older.refresh(client, tokens["refresh_token"], **parameters)
        assert (answer.status, error_of(newer, answer)) == (503, "provider_configured")
        assert int(answer.headers["Retry-After"]) > 0
        grant = await newer.grants.find(grant_of(tokens))
        assert (grant.status, grant.generation) == (GrantStatus.LIVE, 0)
        assert (await newer.refresh(client, tokens["refresh_token"])).status == 200

    @pytest.mark.invariant(3, 8)
    async def test_a_provider_that_only_another_replica_has_is_no_fault_of_the_code(self, federated, older, newer):
        code = await federated.code(newer, await newer.register())
        answer = await older.redeem(code)
        assert (answer.status, error_of(newer, answer)) == (503, "provider_configured")
        assert (await newer.redeem(code)).status == 200

    @pytest.mark.invariant(8)
    async def test_a_provider_that_only_another_replica_has_is_no_fault_of_the_deciding_user(
        self, federated, older, newer
    ):
        user, page, _ = await federated.consent(newer, await newer.register())
        moved = older.user_agent(cookies=dict(user.cookies))
        answer = await moved.post("/consent", page.forms[0].inputs | {"decision": "approve"})
        assert (answer.status, error_of(newer, answer)) == (503, "provider_configured")

    @pytest.mark.invariant(6)
    async def test_a_replica_that_lacks_a_new_scope_does_not_take_it_away(self, federated):
        """As for a user with a password (test_scope_policy.py)."""
        older = await federated.start()
        newer = await federated.start(RESOURCES=resources(further=["notes:new"]))
        federated.state(groups=("staff",))
        client = await newer.register()
        tokens = await federated.tokens(newer, client, scope="notes:read notes:new")
        less = (await older.refresh(client, tokens["refresh_token"])).json
        again = (await newer.refresh(client, less["refresh_token"])).json
        assert (less["scope"], again["scope"]) == ("notes:read", "notes:read notes:new")
