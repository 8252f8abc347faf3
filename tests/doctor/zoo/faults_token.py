"""Servers whose access tokens are made wrongly."""

import base64
import json
import time
from types import MappingProxyType

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from tests.doctor.zoo.healthy import ill
from tests.doctor.zoo.visits import SigningIn


@ill("token-opaque")
class OpaqueTokens(SigningIn):
    def mint(self, client_id):
        return "opaque-" + super().mint(client_id).rsplit(".", 1)[1]


@ill("token-unsigned")
class UnsignedTokens(SigningIn):
    def mint(self, client_id):
        parts = ({**self.header(), "alg": "none"}, self.claims(client_id))
        return ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in parts) + "."


@ill("token-symmetric")
class SharedSecret(SigningIn):
    def mint(self, client_id):
        secret = OctKey.import_key("insecure-secret-of-the-zoo-0123456789")
        return jwt.encode({**self.header(), "alg": "HS256"}, self.claims(client_id), secret)


class HeaderWith(SigningIn):
    """A base for tokens with another header; None takes a member away."""

    changes = MappingProxyType({})

    def header(self):
        merged = super().header() | self.changes
        return {name: value for name, value in merged.items() if value is not None}


@ill("token-without-kid")
class NamelessTokens(HeaderWith):
    changes = MappingProxyType({"kid": None})


@ill("token-key-not-in-set")
class RotatedTooSoon(HeaderWith):
    changes = MappingProxyType({"kid": "zoo-2"})


@ill("token-type")
class PlainJwt(HeaderWith):
    changes = MappingProxyType({"typ": "JWT"})


@ill("token-signature-wrong")
class OtherKey(SigningIn):
    def key_set(self):
        other = ECKey.generate_key("P-256").as_dict(private=False)
        return {"keys": [{**other, "kid": "zoo-1"}]}


class ClaimsWith(SigningIn):
    """A base for tokens with other claims; None takes a claim away."""

    def changes(self):
        return {}

    def claims(self, client_id):
        merged = super().claims(client_id) | self.changes()
        return {name: value for name, value in merged.items() if value is not None}


@ill("token-issuer-differs")
class OtherIssuerInToken(ClaimsWith):
    def changes(self):
        return {"iss": self.issuer + "/"}


@ill("token-audience-differs")
class TokenForOthers(ClaimsWith):
    def changes(self):
        return {"aud": self.origin}


@ill("token-claims-missing")
class FewClaims(ClaimsWith):
    def changes(self):
        return {"client_id": None, "jti": None}


@ill("token-expired")
class BornDead(ClaimsWith):
    def changes(self):
        return {"exp": int(time.time()) - 60, "iat": int(time.time()) - 120}


@ill("token-lives-long")
class LivesForAMonth(ClaimsWith):
    def changes(self):
        return {"exp": int(time.time()) + 30 * 86_400}


@ill("token-from-the-future")
class ClockAhead(ClaimsWith):
    def changes(self):
        return {"iat": int(time.time()) + 600, "nbf": int(time.time()) + 600}
