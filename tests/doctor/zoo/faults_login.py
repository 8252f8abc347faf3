"""Servers whose sign-in is wrong: seen only by going through with it."""

from types import MappingProxyType

from tests.doctor.person import nobody
from tests.doctor.zoo.healthy import ill
from tests.doctor.zoo.register import oauth_error
from tests.doctor.zoo.visits import SigningIn

ABANDONED = MappingProxyType({"login": True, "person": nobody, "wait_seconds": 0.2})


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
