"""Its own access tokens pass the same verifier as at mcp_service."""

import hashlib

import pytest

from auth_service.encryption import EncryptionKeys
from auth_service.keys.repository import KeyRingRepository
from auth_service.keys.signer import import_private_key
from tests.auth_service.introspection.test_introspect import INACTIVE, resource_server
from tests.support.auth_server import ISSUER, NOTES, PASSWORD, USERNAME
from tests.support.local_issuer import LocalTokenIssuer
from tests.support.oauth import unverified_claims
from tests.support.token_attacks import ATTACKS

pytestmark = pytest.mark.invariant(2)


@pytest.fixture
async def auth(start_auth):
    server = await start_auth(SIGNING_ALGORITHM="RS256", RATE_LIMITS="off")
    await server.users.add(USERNAME, PASSWORD)
    return server


@pytest.fixture
async def token_issuer(auth):
    """Issues tokens with the server's own active key."""
    active = (await KeyRingRepository(auth.store).read()).active
    assert active.encrypted_private is not None
    private = EncryptionKeys([hashlib.sha256(b"a key").digest()]).decrypt(active.kid, active.encrypted_private)
    key = import_private_key("RS256", private | {"kid": active.kid, "alg": "RS256"})
    claims = unverified_claims((await auth.tokens(await auth.register()))["access_token"])
    return LocalTokenIssuer(issuer=ISSUER, resource=NOTES, key=key, grant_id=claims["gid"], status=claims["status"])


async def test_every_attack_of_the_corpus_is_inactive_at_introspection(auth, token_issuer):
    server = await resource_server(auth, [NOTES])
    assert (await auth.introspect(server, token_issuer.issue())).json["active"] is True
    answers = {name: await auth.introspect(server, attack(token_issuer)) for name, (_, attack) in ATTACKS.items()}
    assert {name: answer.json for name, answer in answers.items() if answer.json != INACTIVE} == {}


async def test_every_attack_of_the_corpus_is_401_at_userinfo(auth, token_issuer):
    async def status(token):
        return (await auth.get("/userinfo", headers={"Authorization": f"Bearer {token}"})).status

    assert await status(token_issuer.issue()) == 403  # verified; it lacks openid
    statuses = {name: await status(attack(token_issuer)) for name, (_, attack) in ATTACKS.items() if name != "huge"}
    assert {name: found for name, found in statuses.items() if found != 401} == {}
