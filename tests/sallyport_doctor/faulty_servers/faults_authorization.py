"""Servers that mishandle authorization requests of a registered client."""

from urllib.parse import urlencode, urlsplit

from aiohttp import web

from tests.sallyport_doctor.faulty_servers.flow import page
from tests.sallyport_doctor.faulty_servers.healthy import Registering, faulty
from tests.sallyport_doctor.faulty_servers.register import oauth_error


@faulty("authorize-refused")
class RegistersAndRefuses(Registering):
    def redirect_matches(self, registered, presented):
        return registered == presented and registered.startswith("https://")


@faulty("redirect-loopback-port-refused")
class ExactPorts(Registering):
    def redirect_matches(self, registered, presented):
        return registered == presented


@faulty("redirect-unregistered-accepted")
class AnyRedirect(Registering):
    def redirect_matches(self, registered, presented):
        return True


class Lenient(Registering):
    """Base class for servers with other rules for single parameters."""

    def complaint(self, query):
        return None

    def problem_with(self, query):
        return self.complaint(query) or super().problem_with(query)


@faulty("pkce-not-enforced")
class PkceOptional(Registering):
    def problem_with(self, query):
        return super().problem_with(query) if query.get("code_challenge") else None


@faulty("authorize-without-consent")
class ApprovesByItself(Registering):
    def sign_in_page(self, number, **headers):
        answer = {"code": "code-without-consent", "state": self.waiting[number].get("state", ""), **self.iss()}
        return self.send_back(self.waiting[number]["redirect_uri"], answer)


@faulty("authorize-needs-scope")
class NeedsScope(Lenient):
    def complaint(self, query):
        return None if query.get("scope") else "invalid_scope"


@faulty("authorize-needs-resource")
class NeedsResource(Lenient):
    def complaint(self, query):
        return None if query.get("resource") else "invalid_target"


@faulty("authorize-refuses-repeated-resource")
class OneResource(Lenient):
    def complaint(self, query):
        return "invalid_request" if len(query.getall("resource", [])) > 1 else None


@faulty("authorize-needs-state")
class NeedsState(Lenient):
    def complaint(self, query):
        return None if query.get("state") else "invalid_request"


@faulty("authorize-refuses-offline-access")
class RefusesOfflineAccess(Lenient):
    def complaint(self, query):
        return "invalid_scope" if "offline_access" in query.get("scope", "") else None


@faulty("iss-missing-in-error")
class ErrorsWithoutIss(Registering):
    async def answer_authorize(self, request):
        response = await super().answer_authorize(request)
        if response.status == 302:
            place = urlsplit(response.headers["Location"])
            response.headers["Location"] = place._replace(query=urlencode({"error": "invalid_request"})).geturl()
        return response


@faulty("page-frameable")
class Frameable(Registering):
    def sign_in_page(self, number, **headers):
        response = super().sign_in_page(number)
        del response.headers["X-Frame-Options"]
        return response


@faulty("page-frameable")
class FrameableBehindRedirect(Registering):
    """The sign-in page is reached by a redirect on the same host."""

    async def answer_openid(self, request):
        return page("Sign in") if "here" in request.query else await super().answer_openid(request)

    def sign_in_page(self, number, **headers):
        return web.Response(status=302, headers={"Location": "/.well-known/openid-configuration?here"})

    def cors(self, request, response):
        super().cors(request, response)
        response.headers.popall("X-Frame-Options", None)


@faulty("refresh-error-not-invalid-grant")
class DeadRefreshIsInvalidRequest(Registering):
    def invalid_refresh(self):
        return oauth_error("invalid_request")


@faulty("authorize-accepts-foreign-resource")
class AnyResource(Registering):
    def problem_with(self, query):
        problem = super().problem_with(query)
        return None if problem == "invalid_target" else problem
