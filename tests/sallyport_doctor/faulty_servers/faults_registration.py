"""Servers that mishandle registration; the faults show only with --register."""

from urllib.parse import urlsplit

from aiohttp import web

from tests.sallyport_doctor.faulty_servers.healthy import Registering, faulty
from tests.sallyport_doctor.faulty_servers.register import BAD_SCHEMES, oauth_error


@faulty("registration-unreachable")
class RegistrationMissing(Registering):
    def missing_routes(self):
        return {("POST", "/register")}


@faulty("registration-server-error")
class RegistrationBreaks(Registering):
    async def answer_register(self, request):
        return web.Response(status=500)


@faulty("registration-rate-limited")
class NarrowLimit(Registering):
    async def answer_register(self, request):
        return web.json_response({"error": "too_many_requests"}, status=429, headers={"Retry-After": "3600"})


@faulty("registration-needs-token")
class RegistrationClosed(Registering):
    async def answer_register(self, request):
        return oauth_error("invalid_token", 401)


@faulty("registration-response-invalid")
class RegistrationAnswersNothing(Registering):
    def registered(self, client):
        return web.json_response({"ok": True}, status=201)


@faulty("registration-refused")
class RefusesEveryone(Registering):
    def allows_redirect(self, uri):
        return False


@faulty("registration-refused", "grant-refresh-token-missing")
class RefusesUnknownGrants(Registering):
    """VS Code also requests the device code grant when the metadata lists no grants."""

    def metadata(self):
        document = super().metadata()
        del document["grant_types_supported"]
        return document

    async def answer_register(self, request):
        if any("device_code" in grant for grant in (await request.json())["grant_types"]):
            return oauth_error("invalid_client_metadata")
        return await super().answer_register(request)


@faulty("registration-refuses-loopback")
class RefusesLoopback(Registering):
    def allows_redirect(self, uri):
        return urlsplit(uri).scheme in {"https", "cursor"}


@faulty("registration-refuses-https-redirect")
class LoopbackOnly(Registering):
    def allows_redirect(self, uri):
        return super().allows_redirect(uri) and urlsplit(uri).scheme != "https"


@faulty("registration-refuses-app-scheme")
class WebOnly(Registering):
    def allows_redirect(self, uri):
        return super().allows_redirect(uri) and urlsplit(uri).scheme != "cursor"


@faulty("registration-refuses-mixed")
class OneKindOnly(Registering):
    async def answer_register(self, request):
        if len({urlsplit(uri).scheme for uri in (await request.json())["redirect_uris"]}) > 1:
            return oauth_error("invalid_redirect_uri")
        return await super().answer_register(request)


@faulty("registration-wrong-status")
class Says200(Registering):
    def registered(self, client):
        return web.json_response(client, headers={"Cache-Control": "no-store"})


@faulty("registration-ignores-none")
class SecretsForAll(Registering):
    def method_for(self, asked):
        return "client_secret_post"


@faulty("registration-refuses-secret")
class NoSecrets(Registering):
    def method_for(self, asked):
        return "none"


@faulty("registration-refuses-secret")
class RefusesSecretClients(Registering):
    async def answer_register(self, request):
        if (await request.json())["token_endpoint_auth_method"] != "none":
            return oauth_error("invalid_client_metadata")
        return await super().answer_register(request)


class AnswerWithout(Registering):
    """Base class: the registration response lacks one member."""

    lacks = ""

    def registered(self, client):
        shown = {name: value for name, value in client.items() if name != self.lacks}
        return web.json_response(shown, status=201, headers={"Cache-Control": "no-store"})


@faulty("registration-secret-without-expiry")
class SecretWithoutExpiry(AnswerWithout):
    lacks = "client_secret_expires_at"


@faulty("registration-drops-redirect")
class DropsRedirects(Registering):
    def registered(self, client):
        return super().registered(client | {"redirect_uris": client["redirect_uris"][:1]})


@faulty("registration-response-cacheable")
class CacheableRegistration(Registering):
    def registered(self, client):
        return web.json_response(client, status=201)


@faulty("registration-accepts-dangerous-scheme")
class AcceptsScripts(Registering):
    def allows_redirect(self, uri):
        return super().allows_redirect(uri) or urlsplit(uri).scheme in BAD_SCHEMES


@faulty("registration-accepts-plain-http")
class AcceptsPlainHttp(Registering):
    def allows_redirect(self, uri):
        return urlsplit(uri).scheme not in BAD_SCHEMES
