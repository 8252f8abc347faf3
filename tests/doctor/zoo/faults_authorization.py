"""Servers that take the authorization requests of a registered client wrongly."""

from urllib.parse import urlencode, urlsplit

from aiohttp import web

from tests.doctor.zoo.flow import page
from tests.doctor.zoo.healthy import ill
from tests.doctor.zoo.register import oauth_error
from tests.doctor.zoo.visits import Registering


@ill("authorize-refused")
class RegistersAndRefuses(Registering):
    def redirect_matches(self, registered, presented):
        return registered == presented and registered.startswith("https://")


@ill("redirect-loopback-port-refused")
class ExactPorts(Registering):
    def redirect_matches(self, registered, presented):
        return registered == presented


@ill("redirect-unregistered-accepted")
class AnyRedirect(Registering):
    def redirect_matches(self, registered, presented):
        return True


class Lenient(Registering):
    """A base for servers with other rules for single parameters."""

    def complaint(self, query):
        return None

    def problem_with(self, query):
        return self.complaint(query) or super().problem_with(query)


@ill("pkce-not-enforced")
class PkceOptional(Registering):
    def problem_with(self, query):
        return super().problem_with(query) if query.get("code_challenge") else None


@ill("authorize-asks-nobody")
class ApprovesByItself(Registering):
    def sign_in_page(self, number, **headers):
        answer = {"code": "code-for-anybody", "state": self.waiting[number].get("state", ""), **self.iss()}
        return self.send_back(self.waiting[number]["redirect_uri"], answer)


@ill("authorize-needs-scope")
class NeedsScope(Lenient):
    def complaint(self, query):
        return None if query.get("scope") else "invalid_scope"


@ill("authorize-needs-resource")
class NeedsResource(Lenient):
    def complaint(self, query):
        return None if query.get("resource") else "invalid_target"


@ill("authorize-refuses-repeated-resource")
class OneResource(Lenient):
    def complaint(self, query):
        return "invalid_request" if len(query.getall("resource", [])) > 1 else None


@ill("authorize-needs-state")
class NeedsState(Lenient):
    def complaint(self, query):
        return None if query.get("state") else "invalid_request"


@ill("authorize-refuses-offline-access")
class RefusesOfflineAccess(Lenient):
    def complaint(self, query):
        return "invalid_scope" if "offline_access" in query.get("scope", "") else None


@ill("iss-missing-in-error")
class ErrorsWithoutIss(Registering):
    async def answer_authorize(self, request):
        response = await super().answer_authorize(request)
        if response.status == 302:
            place = urlsplit(response.headers["Location"])
            response.headers["Location"] = place._replace(query=urlencode({"error": "invalid_request"})).geturl()
        return response


@ill("page-frameable")
class Frameable(Registering):
    def sign_in_page(self, number, **headers):
        response = super().sign_in_page(number)
        del response.headers["X-Frame-Options"]
        return response


@ill("page-frameable")
class FrameableBehindRedirect(Registering):
    """The sign-in page lies behind a redirect of the same host."""

    async def answer_openid(self, request):
        return page("Sign in") if "here" in request.query else await super().answer_openid(request)

    def sign_in_page(self, number, **headers):
        return web.Response(status=302, headers={"Location": "/.well-known/openid-configuration?here"})

    def cors(self, request, response):
        super().cors(request, response)
        response.headers.popall("X-Frame-Options", None)


@ill("refresh-dead-answer")
class DeadRefreshIsInvalidRequest(Registering):
    def dead_refresh(self):
        return oauth_error("invalid_request")


@ill("authorize-takes-foreign-resource")
class AnyResource(Registering):
    def problem_with(self, query):
        problem = super().problem_with(query)
        return None if problem == "invalid_target" else problem
