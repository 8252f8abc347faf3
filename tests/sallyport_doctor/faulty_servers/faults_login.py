"""Servers with a faulty sign-in; the faults show only with --login."""

from types import MappingProxyType

from tests.sallyport_doctor.faulty_servers.healthy import SigningIn, faulty
from tests.sallyport_doctor.faulty_servers.register import oauth_error
from tests.sallyport_doctor.user import unresponsive_user

ABANDONED = MappingProxyType({"login": True, "user": unresponsive_user, "wait_seconds": 0.2})


@faulty("login-impossible")
class NoWayIn(SigningIn):
    def allows_redirect(self, uri):
        return False


@faulty("dcr-not-offered", "login-needs-client")
class DocumentsOnly(SigningIn):
    """The doctor has no metadata document of its own."""

    def metadata(self):
        document = super().metadata()
        del document["registration_endpoint"]
        return document


@faulty("login-timed-out")
class DeadButton(SigningIn):
    """Chrome would block the redirect to the client."""

    options = ABANDONED

    def sign_in_page(self, number, **headers):
        return super().sign_in_page(number, **{"Content-Security-Policy": "default-src 'none'; form-action 'self'"})


@faulty("login-timed-out")
class UserDoesNotReturn(SigningIn):
    options = ABANDONED


@faulty("login-refused")
class Denies(SigningIn):
    def send_back(self, redirect, answer):
        return super().send_back(redirect, {"error": "access_denied", "state": answer["state"], "iss": self.issuer})


@faulty("login-state-changed")
class LosesState(SigningIn):
    def send_back(self, redirect, answer):
        return super().send_back(redirect, answer | {"state": "another"})


@faulty("login-iss-missing")
class ForgetsIss(SigningIn):
    def iss(self):
        return {}


@faulty("login-iss-differs")
class OtherIss(SigningIn):
    def iss(self):
        return {"iss": self.issuer + "/"}


@faulty("exchange-refused")
class RefusesPublicClients(SigningIn):
    def redeem_code(self, form, client):
        return oauth_error("invalid_client", 401)


@faulty("token-response-cacheable")
class CacheableExchange(SigningIn):
    def token_response(self, number, refresh_token):
        response = super().token_response(number, refresh_token)
        del response.headers["Cache-Control"]
        return response


class ResponseWithout(SigningIn):
    """Base class: the token response lacks one member."""

    lacks = ""

    def shape(self, body):
        return {name: value for name, value in body.items() if name != self.lacks}


@faulty("expires-in-missing")
class NoExpiresIn(ResponseWithout):
    lacks = "expires_in"


@faulty("granted-scope-missing")
class NoScopeInResponse(ResponseWithout):
    lacks = "scope"


@faulty("refresh-token-missing")
class NoRefreshToken(ResponseWithout):
    lacks = "refresh_token"
