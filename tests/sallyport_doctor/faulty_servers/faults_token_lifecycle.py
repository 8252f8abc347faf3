"""Servers with faults in refresh, revocation or single use of codes."""

from aiohttp import web

from tests.sallyport_doctor.faulty_servers.healthy import HealthyServer, SigningIn, faulty
from tests.sallyport_doctor.faulty_servers.register import oauth_error


@faulty("refresh-refused")
class RefreshNotImplemented(SigningIn):
    def refresh(self, form, client):
        return oauth_error("unsupported_grant_type")


@faulty("refresh-refused")
class RefreshesOnce(SigningIn):
    def issue(self, number):
        if self.grants[number]["previous"] is not None:
            return oauth_error("invalid_grant")
        return super().issue(number)


@faulty("refresh-needs-resource")
class RefreshNeedsResource(SigningIn):
    def refresh(self, form, client):
        return super().refresh(form, client) if form.get("resource") else oauth_error("invalid_target")

    def repeat(self, number):
        return self.token_response(number, self.grants[number]["current"])

    async def answer_token(self, request):
        form = await request.post()
        # Only the first refresh of each grant is strict, so that no other finding appears.
        if form.get("refresh_token") and any(g["previous"] for g in self.grants.values()):
            client = self.clients.get(form.get("client_id"))
            return HealthyServer.refresh(self, form, client)
        return await super().answer_token(request)


@faulty("refresh-not-rotated")
class NeverRotates(SigningIn):
    def next_refresh_token(self, grant):
        return grant["current"] or super().next_refresh_token(grant)


@faulty("refresh-race-ends-grant")
class TreatsReuseAsTheft(SigningIn):
    def repeat(self, number):
        for access in self.grants.pop(number)["access"]:
            self.access_tokens.pop(access, None)
        return oauth_error("invalid_grant")

    def refresh(self, form, client):
        for number, grant in list(self.grants.items()):
            if form["refresh_token"] == grant["previous"]:
                return self.repeat(number)
        return super().refresh(form, client)


@faulty("refresh-race-refused")
class RefusesConcurrentRefresh(SigningIn):
    def repeat(self, number):
        return oauth_error("invalid_grant")


@faulty("revocation-refused")
class RevocationNeedsSecret(SigningIn):
    async def answer_revoke(self, request):
        return oauth_error("invalid_client", 401)


@faulty("revocation-without-effect")
class RevokesNothing(SigningIn):
    async def answer_revoke(self, request):
        return web.Response(status=200)


@faulty("code-replayable")
class KeepsCodes(SigningIn):
    def spend_code(self, code):
        """Keeps the code valid."""
