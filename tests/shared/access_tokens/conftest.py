import pytest

from mcp_service.jwks.document import parse_jwks
from shared.access_tokens.profile import AccessTokenPolicy
from shared.access_tokens.verifier import TokenVerifier
from shared.jose.jws import InvalidToken
from tests.support.local_issuer import LocalTokenIssuer, key_set, new_key

OWN = ("keys", "status_lists", "clock", "remembered")
ALL = frozenset({"RS256", "ES256", "EdDSA"})


class HeldKeys:
    """A VerificationKeyResolver without an issuer: a key that is not held is unknown."""

    def __init__(self, *keys):
        self.replace(*keys)

    def replace(self, *keys):
        self.keys = parse_jwks(key_set(*keys), algorithms=ALL) if keys else {}

    def held(self, kid):
        return self.keys.get(kid)

    async def find(self, unverified_kid):
        raise InvalidToken("kid", "not in the set")


class Clock:
    def __init__(self, now=1_800_000_000.0):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture(scope="session")
def signing_key():
    return new_key()


@pytest.fixture
def token_issuer(signing_key):
    return LocalTokenIssuer(issuer="https://issuer.example", resource="https://tools.example/mcp", key=signing_key)


@pytest.fixture
def held_keys(signing_key):
    return HeldKeys(signing_key)


@pytest.fixture
def make_verifier(held_keys):
    """A verifier; OWN are its own options, others are the policy's."""

    def make(**options):
        own = {name: options.pop(name) for name in OWN if name in options}
        policy = {
            "issuer": "https://issuer.example",
            "audiences": frozenset({"https://tools.example/mcp"}),
            "algorithms": ALL,
        }
        return TokenVerifier(**{"keys": held_keys} | own, policy=AccessTokenPolicy(**policy | options))

    return make
