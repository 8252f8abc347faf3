"""Refreshes of one grant through several replicas while what is known of its identity changes."""

import asyncio
import itertools
import json
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from argon2.profiles import CHEAPEST
from prometheus_client import CollectorRegistry, Counter

from auth_service.audit.log import AuditLog
from auth_service.audit.repository import AuditRepository
from auth_service.clients.client import Client, ClientKind
from auth_service.federation.identity_review import IdentityReview
from auth_service.grants.grant import GrantStatus
from auth_service.grants.refresh_token_format import RefreshTokenFormat
from auth_service.grants.repository import GrantRepository
from auth_service.protocol.errors import InvalidGrant
from auth_service.protocol.opaque import split_identifier
from auth_service.protocol.parameters import parse_urlencoded
from auth_service.rate_limits.limits import RateLimits
from auth_service.rate_limits.repository import RateLimitRepository
from auth_service.resources.catalogue import ProtectedResource, ResourceCatalogue
from auth_service.status_lists.repository import StatusListRepository
from auth_service.token_endpoint.endpoint import TokenRequest, TokenSetIssuer
from auth_service.token_endpoint.refresh_token import RefreshRecorder, RefreshTokenHandler
from auth_service.token_endpoint.scope_policy import ScopePolicy, UserReview
from auth_service.tokens.issuer import AccessTokenIssuer, IdTokenIssuer
from auth_service.users.passwords import PasswordHasher
from auth_service.users.repository import UserRepository
from auth_service.users.service import UserService
from tests.support.grant_material import CLIENT, LIFETIMES, NOW, RESOURCE, open_grant
from tests.support.identities import account_directory, identity, provider

pytestmark = [pytest.mark.store, pytest.mark.invariant(6, 13, 15)]

CORP = provider("corp")
STAFF, GUEST = identity(groups=("staff",)), identity()
WIDE, NARROW = ("notes:read", "notes:write"), ("notes:read",)
TOKENS = RefreshTokenFormat((b"k" * 32,))
NOTES = ProtectedResource.model_validate(
    {
        "identifier": RESOURCE,
        "name": "Notes",
        "scopes": {
            "notes:read": {"description": "Read"},
            "notes:write": {"description": "Write", "requires": {"groups": ["staff"]}},
        },
    }
)


class ReadableTokens:
    """In the place of the key ring: a token is its claims. Its signature is not what these tests are about."""

    algorithm = "ES256"

    def ready(self):
        pass

    def sign(self, claims, *, typ):
        del typ
        return json.dumps(claims)


class ReadableAccessTokens(ReadableTokens):
    """The same for access tokens."""

    async def sign(self, claims, *, typ):
        return super().sign(claims, typ=typ)


class Replica:
    """The refresh token grant of one replica."""

    def __init__(self, store, passwords):
        grants, audit = GrantRepository(store), AuditLog(AuditRepository(store), CollectorRegistry())
        identities = IdentityReview(
            accounts=account_directory(store),
            providers={"corp": CORP},
            max_age=600,
            read_at=NOW - 60,
            clock=lambda: NOW,
        )
        users = UserReview(
            identities=identities,
            users=UserService(UserRepository(store), passwords),
            grants=grants,
            audit=audit,
        )
        self._handler = RefreshTokenHandler(
            grants=grants,
            scope_policy=ScopePolicy(ResourceCatalogue([NOTES]), (NOW - 60) * 1000, frozenset(), users),
            tokens=TokenSetIssuer(
                access_tokens=AccessTokenIssuer(
                    issuer="https://auth.example", lifetime_seconds=600, signer=ReadableAccessTokens()
                ),
                id_tokens=IdTokenIssuer(issuer="https://auth.example", signer=ReadableTokens()),
                refresh_tokens=TOKENS,
            ),
            lifetimes=LIFETIMES,
            limits=RateLimits(
                repository=RateLimitRepository(store),
                shared_networks=(),
                audit=audit,
                registry=CollectorRegistry(),
                enabled=False,
                monotonic=lambda: 0.0,
            ),
            recorder=RefreshRecorder(audit, Counter("refreshes", "x", ("outcome",), registry=CollectorRegistry())),
        )

    async def refresh(self, token):
        """The tokens, or the error id of the refusal."""
        parameters = parse_urlencoded(urlencode({"refresh_token": token}))
        client = Client(CLIENT, ClientKind.REGISTERED, ())
        try:
            return await self._handler.exchange(TokenRequest(parameters, client, NOW, "192.0.2.1"))
        except InvalidGrant as exc:
            return exc.error_id


@pytest.fixture
def replicas(stores):
    hasher = PasswordHasher(parameters=CHEAPEST, workers=1)
    yield [Replica(store, hasher) for store in stores]
    hasher.close()


async def open_grant_of(store, known):
    """A grant that began with a sign-in with this identity; its refresh token."""
    user = await account_directory(store).resolve(CORP, known)
    opened = await open_grant(store, scopes=WIDE, subject=user.subject, identity=known.key)
    return user, TOKENS.write(opened.grant_id, 0, opened.secret)


def entry_of(tokens):
    return json.loads(tokens.access_token)["status"]["status_list"]["idx"]


async def revoked(store, token):
    [entries] = await StatusListRepository(store).revoked([split_identifier(token.partition(".")[0])[0]])
    return entries


async def all_at_once(replicas, token, *others):
    """Three refreshes of each replica, and something else in their midst."""
    work = [replica.refresh(token) for replica, _ in itertools.product(replicas, range(3))]
    middle = len(work) // 2
    answers = await asyncio.gather(*work[:middle], *others, *work[middle:])
    return answers[:middle] + answers[middle + len(others) :]


async def test_while_a_group_is_taken_away_every_refresh_succeeds_and_no_valid_token_has_more(replicas, store):
    for _ in range(5):
        _, token = await open_grant_of(store, STAFF)
        answers = await all_at_once(replicas, token, account_directory(store).resolve(CORP, GUEST))
        assert not [answer for answer in answers if isinstance(answer, str)]
        assert len({answer.refresh_token for answer in answers}) == 1
        last = await replicas[0].refresh(token)
        assert (last.scopes, last.refresh_token) == (NARROW, answers[0].refresh_token)
        wide = {entry_of(answer) for answer in answers if answer.scopes == WIDE}
        assert {answer.scopes for answer in answers} <= {WIDE, NARROW}
        assert wide <= await revoked(store, token)
        assert {entry_of(answer) for answer in (*answers, last) if answer.scopes == NARROW} == {entry_of(last)}
        assert entry_of(last) not in await revoked(store, token)


async def test_a_group_that_is_given_meanwhile_widens_no_grant(replicas, store):
    """A scope that was dropped comes back with a new authorization only."""
    _, token = await open_grant_of(store, GUEST)
    first = await replicas[0].refresh(token)
    assert first.scopes == NARROW
    answers = await all_at_once(replicas, token, account_directory(store).resolve(CORP, STAFF))
    assert {(answer.scopes, answer.refresh_token) for answer in answers} == {(NARROW, first.refresh_token)}


@pytest.mark.invariant(12)
async def test_no_token_stays_valid_of_a_grant_whose_identity_is_unlinked_meanwhile(replicas, store):
    user, token = await open_grant_of(store, STAFF)
    unlink = store.command("HDEL", f"sp:{{users}}:identity:{user.subject}", STAFF.key)
    answers = await all_at_once(replicas, token, unlink)
    assert await replicas[0].refresh(token) in {"identity_refused", "refresh_ended"}
    assert (await GrantRepository(store).find(token.partition(".")[0])).status is GrantStatus.ENDED
    refusals = {answer for answer in answers if isinstance(answer, str)}
    assert refusals <= {"identity_refused", "refresh_ended"}
    assert {entry_of(answer) for answer in answers if not isinstance(answer, str)} <= await revoked(store, token)


async def test_a_sign_in_that_comes_between_refreshes_of_an_identity_that_is_too_old_locks_nothing_out(replicas, store):
    """Those that were reviewed before are refused and consume nothing; all hold the same successor in the end."""
    _, token = await open_grant_of(store, replace(STAFF, authenticated_at=NOW - 601))
    answers = await all_at_once(replicas, token, account_directory(store).resolve(CORP, STAFF))
    assert {answer for answer in answers if isinstance(answer, str)} <= {"identity_age"}
    repeated = [await replica.refresh(token) for replica in replicas]
    successors = {answer.refresh_token for answer in (*answers, *repeated) if not isinstance(answer, str)}
    assert (len(successors), {answer.scopes for answer in repeated}) == (1, {WIDE})
