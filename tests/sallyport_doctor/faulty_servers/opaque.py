"""A server with opaque tokens, and the stages of its migration in docs/migrating-from-opaque-tokens.md.

Tokens are entries of an in-memory map; the metadata has no `jwks_uri`; there is no JWKS and no introspection.
"""

import secrets

from tests.sallyport_doctor.faulty_servers.healthy import SigningIn, faulty

KEY_SET = ("GET", "/jwks.json")
INTROSPECT = ("POST", "/introspect")


@faulty("tokens-not-verifiable", "token-opaque")
class OpaqueServer(SigningIn):
    """Before the migration."""

    def metadata(self):
        document = super().metadata()
        del document["jwks_uri"]
        return document

    def missing_routes(self):
        return {KEY_SET, INTROSPECT}

    def mint(self, client_id):
        return secrets.token_urlsafe(32)


@faulty("jwks-uri-missing", "token-opaque")
class BehindIntrospection(OpaqueServer):
    """Tokens stay opaque; resource servers use introspection."""

    def metadata(self):
        return super().metadata() | {"introspection_endpoint": f"{self.origin}/introspect"}

    def missing_routes(self):
        return {KEY_SET}


@faulty("token-opaque")
class KeysWithoutSignedTokens(OpaqueServer):
    """Halfway: the JWKS is published, the tokens are not signed yet."""

    def metadata(self):
        return super().metadata() | {"jwks_uri": f"{self.origin}/jwks.json"}

    def missing_routes(self):
        return {INTROSPECT}


@faulty()
class SignedTokens(SigningIn):
    """After: tokens are signed and the keys are published."""
