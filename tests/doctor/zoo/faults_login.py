"""Servers whose sign-in or tokens are wrong: seen only by going through with it."""

import base64
import json
import time
from types import MappingProxyType

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from tests.doctor.person import nobody
from tests.doctor.zoo.flow import oauth_error
from tests.doctor.zoo.healthy import HealthyServer, ill, rpc

LOGIN = MappingProxyType({"login": True})
ABANDONED = MappingProxyType({"login": True, "person": nobody, "wait_seconds": 0.2})


class SigningIn(HealthyServer):
    """A base: the doctor has to sign in to see these faults."""

    visit = LOGIN


@ill("login-impossible")
class NoWayIn(SigningIn):
    def allows_redirect(self, uri):
        return False


@ill("dcr-not-offered", "login-needs-client")
class DocumentsOnly(SigningIn):
    """The doctor has no metadata document of its own."""

    def metadata(self):
        document = super().metadata()
        del document["registration_endpoint"]
        return document


@ill("consent-blocked-by-policy")
class DeadButton(SigningIn):
    """Chrome stops the redirect to the client, so nobody ever comes back."""

    visit = ABANDONED

    def sign_in_page(self, number, **headers):
        return super().sign_in_page(number, **{"Content-Security-Policy": "default-src 'none'; form-action 'self'"})


@ill("login-not-answered")
class NobodyComesBack(SigningIn):
    visit = ABANDONED


@ill("login-refused")
class Denies(SigningIn):
    def send_back(self, redirect, answer):
        return super().send_back(redirect, {"error": "access_denied", "state": answer["state"], "iss": self.issuer})


@ill("login-state-lost")
class LosesState(SigningIn):
    def send_back(self, redirect, answer):
        return super().send_back(redirect, answer | {"state": "another"})


@ill("login-iss-missing")
class ForgetsIss(SigningIn):
    def iss(self):
        return {}


@ill("login-iss-differs")
class OtherIss(SigningIn):
    def iss(self):
        return {"iss": self.issuer + "/"}


@ill("exchange-refused")
class RefusesPublicClients(SigningIn):
    def redeem_code(self, form, client):
        return oauth_error("invalid_client", 401)


@ill("exchange-answer-cacheable")
class CacheableExchange(SigningIn):
    def token_response(self, number, refresh_token):
        response = super().token_response(number, refresh_token)
        del response.headers["Cache-Control"]
        return response


class ResponseWithout(SigningIn):
    """A base: the token response lacks a member."""

    lacks = ""

    def shape(self, body):
        return {name: value for name, value in body.items() if name != self.lacks}


@ill("expires-in-missing")
class NoExpiresIn(ResponseWithout):
    lacks = "expires_in"


@ill("granted-scope-missing")
class NoScopeInResponse(ResponseWithout):
    lacks = "scope"


@ill("refresh-token-missing")
class NoRefreshToken(ResponseWithout):
    lacks = "refresh_token"


@ill("refresh-refused")
class RefreshNotImplemented(SigningIn):
    def refresh(self, form, client):
        return oauth_error("unsupported_grant_type")


@ill("refresh-refused")
class RefreshesOnce(SigningIn):
    def issue(self, number):
        if self.grants[number]["previous"] is not None:
            return oauth_error("invalid_grant")
        return super().issue(number)


@ill("refresh-needs-resource")
class RefreshNeedsResource(SigningIn):
    def refresh(self, form, client):
        return super().refresh(form, client) if form.get("resource") else oauth_error("invalid_target")

    def repeat(self, number):
        return self.token_response(number, self.grants[number]["current"])

    async def answer_token(self, request):
        form = await request.post()
        # Only the first refresh of each grant is strict, so that nothing else about it looks ill.
        if form.get("refresh_token") and any(g["previous"] for g in self.grants.values()):
            client = self.clients.get(form.get("client_id"))
            return HealthyServer.refresh(self, form, client)
        return await super().answer_token(request)


@ill("refresh-not-rotated")
class NeverRotates(SigningIn):
    def next_refresh_token(self, grant):
        return grant["current"] or super().next_refresh_token(grant)


@ill("refresh-race-ends-grant")
class TakesRacesForTheft(SigningIn):
    def repeat(self, number):
        for access in self.grants.pop(number)["access"]:
            self.access_tokens.pop(access, None)
        return oauth_error("invalid_grant")

    def refresh(self, form, client):
        for number, grant in list(self.grants.items()):
            if form["refresh_token"] == grant["previous"]:
                return self.repeat(number)
        return super().refresh(form, client)


@ill("refresh-race-refused")
class RefusesTheSecondOfTwo(SigningIn):
    def repeat(self, number):
        return oauth_error("invalid_grant")


@ill("revocation-refused")
class RevocationNeedsSecret(SigningIn):
    async def answer_revoke(self, request):
        return oauth_error("invalid_client", 401)


@ill("revocation-without-effect")
class RevokesNothing(SigningIn):
    async def answer_revoke(self, request):
        return web.Response(status=200)


@ill("code-replayable")
class KeepsCodes(SigningIn):
    def spend_code(self, code):
        """It stays."""


@ill("tools-list-refused")
class EndpointWantsOthers(SigningIn):
    def accepts(self, token):
        return False


@ill("wire-old-missing")
class NewWireOnly(SigningIn):
    async def answer_call(self, request):
        if "Mcp-Method" not in request.headers:
            return web.json_response({"jsonrpc": "2.0", "id": 1, "error": {"code": -32022, "message": "?"}}, status=400)
        return await super().answer_call(request)


@ill("wire-new-missing")
class OldWireOnly(SigningIn):
    async def answer_call(self, request):
        if "Mcp-Method" in request.headers:
            return web.json_response({"jsonrpc": "2.0", "id": 1, "error": {"code": -32600, "message": "?"}}, status=400)
        return await super().answer_call(request)


@ill("wire-versions-old-only")
class OffersOldVersions(SigningIn):
    async def answer_call(self, request):
        if request.headers.get("Mcp-Method") == "server/discover":
            return rpc({"supportedVersions": ["2025-11-25"], "capabilities": {}})
        return await super().answer_call(request)


@ill("unknown-method-unauthorized")
class UnknownMeansUnauthorized(SigningIn):
    async def answer_call(self, request):
        response = await super().answer_call(request)
        return self.refuse("invalid_token") if response.status == 404 else response


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


@ill("tampered-token-accepted")
class NeverVerifies(SigningIn):
    """Reads who calls from the token, and does not ask whether the token is genuine."""

    def accepts(self, token):
        return token.count(".") == 2


@ill("security-schemes-not-mirrored")
class SchemesInOnePlace(SigningIn):
    async def answer_call(self, request):
        if (await request.json()).get("method") == "tools/list":
            return rpc({"tools": [{"name": "whoami", "securitySchemes": [{"type": "oauth2", "scopes": []}]}]})
        return await super().answer_call(request)
