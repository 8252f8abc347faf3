"""Servers that issue faulty access tokens."""

import base64
import json
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from tests.sallyport_doctor.faulty_servers.healthy import SigningIn, faulty


@faulty("token-opaque")
class OpaqueTokens(SigningIn):
    def mint(self, client_id):
        return "opaque-" + super().mint(client_id).rsplit(".", 1)[1]


@faulty("token-unsigned")
class UnsignedTokens(SigningIn):
    def mint(self, client_id):
        parts = ({**self.header(), "alg": "none"}, self.claims(client_id))
        return ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in parts) + "."


@faulty("token-symmetric")
class SharedSecret(SigningIn):
    def mint(self, client_id):
        secret = OctKey.import_key("insecure-secret-of-the-model-0123456789")
        return jwt.encode({**self.header(), "alg": "HS256"}, self.claims(client_id), secret)


class HeaderWith(SigningIn):
    """Base class: single header members differ; None removes one."""

    changes: Mapping[str, Any] = MappingProxyType({})

    def header(self):
        merged = super().header() | self.changes
        return {name: value for name, value in merged.items() if value is not None}


@faulty("token-without-kid")
class NamelessTokens(HeaderWith):
    changes = MappingProxyType({"kid": None})


@faulty("token-key-not-in-set")
class RotatedTooSoon(HeaderWith):
    changes = MappingProxyType({"kid": "test-2"})


@faulty("token-type")
class PlainJwt(HeaderWith):
    changes = MappingProxyType({"typ": "JWT"})


@faulty("token-signature-wrong")
class OtherKey(SigningIn):
    def key_set(self):
        other = ECKey.generate_key("P-256").as_dict(private=False)
        return {"keys": [{**other, "kid": "test-1"}]}


class ClaimsWith(SigningIn):
    """Base class: single claims differ; None removes one."""

    def changes(self):
        return {}

    def claims(self, client_id):
        merged = super().claims(client_id) | self.changes()
        return {name: value for name, value in merged.items() if value is not None}


@faulty("token-issuer-differs")
class OtherIssuerInToken(ClaimsWith):
    def changes(self):
        return {"iss": self.issuer + "/"}


@faulty("token-audience-differs")
class TokenForOthers(ClaimsWith):
    def changes(self):
        return {"aud": self.origin}


@faulty("token-claims-missing")
class FewClaims(ClaimsWith):
    def changes(self):
        return {"client_id": None, "jti": None}


@faulty("token-expired")
class AlreadyExpired(ClaimsWith):
    def changes(self):
        return {"exp": int(time.time()) - 60, "iat": int(time.time()) - 120}


@faulty("token-lifetime-long")
class LivesForAMonth(ClaimsWith):
    def changes(self):
        return {"exp": int(time.time()) + 30 * 86_400}


@faulty("token-not-yet-valid")
class ClockAhead(ClaimsWith):
    def changes(self):
        return {"iat": int(time.time()) + 600, "nbf": int(time.time()) + 600}
