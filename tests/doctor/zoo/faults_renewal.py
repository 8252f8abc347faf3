"""Servers whose tokens cannot be refreshed, given back or spent once."""

from aiohttp import web

from tests.doctor.zoo.healthy import HealthyServer, ill
from tests.doctor.zoo.register import oauth_error
from tests.doctor.zoo.visits import SigningIn


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
