"""The server that started it all, and what becomes of it on each way out.

Tokens are entries of a map in one process; the metadata has no `jwks_uri`; there is no key set and no introspection.
"""

import secrets

from tests.doctor.zoo.healthy import ill
from tests.doctor.zoo.visits import SigningIn

KEY_SET = ("GET", "/jwks.json")
INTROSPECT = ("POST", "/introspect")


@ill("tokens-not-verifiable", "token-opaque")
class OpaqueServer(SigningIn):
    """As it was."""

    def metadata(self):
        document = super().metadata()
        del document["jwks_uri"]
        return document

    def missing_routes(self):
        return {KEY_SET, INTROSPECT}

    def mint(self, client_id):
        return secrets.token_urlsafe(32)


@ill("jwks-uri-missing", "token-opaque")
class BehindIntrospection(OpaqueServer):
    """The bridge: tokens stay opaque, and whoever has to know may ask."""

    def metadata(self):
        return super().metadata() | {"introspection_endpoint": f"{self.origin}/introspect"}

    def missing_routes(self):
        return {KEY_SET}


@ill("token-opaque")
class KeysWithoutSignedTokens(OpaqueServer):
    """Half of the second way: the key set is there, the tokens are not yet signed."""

    def metadata(self):
        return super().metadata() | {"jwks_uri": f"{self.origin}/jwks.json"}

    def missing_routes(self):
        return {INTROSPECT}


@ill()
class SignedTokens(SigningIn):
    """The whole second way: tokens are signed and the keys are published."""
