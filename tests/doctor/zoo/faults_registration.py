"""Servers that take registrations and authorization requests wrongly: seen once the doctor is a client."""

from types import MappingProxyType
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from tests.doctor.zoo.flow import BAD_SCHEMES, oauth_error, page
from tests.doctor.zoo.healthy import HealthyServer, ill

REGISTER = MappingProxyType({"register": True})


class Registering(HealthyServer):
    """A base: the doctor has to register to see these faults."""

    visit = REGISTER


@ill("registration-unreachable")
class RegistrationMissing(Registering):
    def missing_routes(self):
        return {("POST", "/register")}


@ill("registration-server-error")
class RegistrationBreaks(Registering):
    async def answer_register(self, request):
        return web.Response(status=500)


@ill("registration-rate-limited")
class NarrowLimit(Registering):
    async def answer_register(self, request):
        return web.json_response({"error": "too_many_requests"}, status=429, headers={"Retry-After": "3600"})


@ill("registration-needs-token")
class RegistrationClosed(Registering):
    async def answer_register(self, request):
        return oauth_error("invalid_token", 401)


@ill("registration-answer-unreadable")
class RegistrationAnswersNothing(Registering):
    def registered(self, client):
        return web.json_response({"ok": True}, status=201)


@ill("registration-refused")
class RefusesEveryone(Registering):
    def allows_redirect(self, uri):
        return False


@ill("registration-refused", "grant-refresh-token-missing")
class RefusesUnknownGrants(Registering):
    """VS Code asks for the device code grant too, where the metadata does not say which grants there are."""

    def metadata(self):
        document = super().metadata()
        del document["grant_types_supported"]
        return document

    async def answer_register(self, request):
        if any("device_code" in grant for grant in (await request.json())["grant_types"]):
            return oauth_error("invalid_client_metadata")
        return await super().answer_register(request)


@ill("registration-refuses-loopback")
class RefusesLoopback(Registering):
    def allows_redirect(self, uri):
        return urlsplit(uri).scheme in {"https", "cursor"}


@ill("registration-refuses-https-redirect")
class LoopbackOnly(Registering):
    def allows_redirect(self, uri):
        return super().allows_redirect(uri) and urlsplit(uri).scheme != "https"


@ill("registration-refuses-app-scheme")
class WebOnly(Registering):
    def allows_redirect(self, uri):
        return super().allows_redirect(uri) and urlsplit(uri).scheme != "cursor"


@ill("registration-refuses-mixed")
class OneKindOnly(Registering):
    async def answer_register(self, request):
        if len({urlsplit(uri).scheme for uri in (await request.json())["redirect_uris"]}) > 1:
            return oauth_error("invalid_redirect_uri")
        return await super().answer_register(request)


@ill("registration-wrong-status")
class Says200(Registering):
    def registered(self, client):
        return web.json_response(client, headers={"Cache-Control": "no-store"})


@ill("registration-ignores-none")
class SecretsForAll(Registering):
    def method_for(self, asked):
        return "client_secret_post"


@ill("registration-refuses-secret")
class NoSecrets(Registering):
    def method_for(self, asked):
        return "none"


@ill("registration-refuses-secret")
class RefusesSecretClients(Registering):
    async def answer_register(self, request):
        if (await request.json())["token_endpoint_auth_method"] != "none":
            return oauth_error("invalid_client_metadata")
        return await super().answer_register(request)


class AnswerWithout(Registering):
    """A base: the registration answer lacks a member."""

    lacks = ""

    def registered(self, client):
        shown = {name: value for name, value in client.items() if name != self.lacks}
        return web.json_response(shown, status=201, headers={"Cache-Control": "no-store"})


@ill("registration-secret-without-expiry")
class SecretWithoutExpiry(AnswerWithout):
    lacks = "client_secret_expires_at"


@ill("registration-drops-redirect")
class DropsRedirects(Registering):
    def registered(self, client):
        return super().registered(client | {"redirect_uris": client["redirect_uris"][:1]})


@ill("registration-answer-cacheable")
class CacheableRegistration(Registering):
    def registered(self, client):
        return web.json_response(client, status=201)


@ill("registration-accepts-dangerous-scheme")
class AcceptsScripts(Registering):
    def allows_redirect(self, uri):
        return super().allows_redirect(uri) or urlsplit(uri).scheme in BAD_SCHEMES


@ill("registration-accepts-plain-http")
class AcceptsPlainHttp(Registering):
    def allows_redirect(self, uri):
        return urlsplit(uri).scheme not in BAD_SCHEMES


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
