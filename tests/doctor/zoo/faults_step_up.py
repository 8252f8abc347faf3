"""Servers that do not tell a client properly that its token has too few scopes."""

from types import MappingProxyType

from aiohttp import web

from tests.doctor.zoo.endpoint import TOOLS, rpc
from tests.doctor.zoo.healthy import ill
from tests.doctor.zoo.visits import SigningIn


@ill("step-up-wrong-status")
class TakesFewScopesForABadToken(SigningIn):
    def demand_more(self):
        return self.refuse("invalid_token")


@ill("step-up-not-named")
class ForbidsWithoutAWord(SigningIn):
    def demand_more(self):
        return web.json_response({"error": "forbidden"}, status=403)


@ill("step-up-hidden-in-result")
class AsksInTheResultOnly(SigningIn):
    def demand_more(self):
        challenge = f'Bearer error="insufficient_scope", scope="notes:write", resource_metadata="{self.metadata_url}"'
        return rpc({"isError": True, "content": [], "_meta": {"mcp/www_authenticate": [challenge]}})


class StepUpWith(SigningIn):
    """A base for challenges with other parameters; None takes one away."""

    changes = MappingProxyType({})

    def step_up(self):
        merged = super().step_up() | self.changes
        return {name: value for name, value in merged.items() if value is not None}


@ill("step-up-not-named")
class AnotherError(StepUpWith):
    changes = MappingProxyType({"error": "invalid_token"})


@ill("step-up-without-scope")
class DoesNotSayWhichScope(StepUpWith):
    changes = MappingProxyType({"scope": None})


@ill("step-up-lacks-needed")
class AsksForWhatIsThere(StepUpWith):
    changes = MappingProxyType({"scope": "notes:read"})


@ill("step-up-forgets-granted")
class AsksForTheMissingAlone(StepUpWith):
    changes = MappingProxyType({"scope": "notes:write"})


@ill("step-up-scope-unknown")
class AsksForTheUnknown(StepUpWith):
    changes = MappingProxyType({"scope": "notes:read notes:write notes:admin"})


@ill("step-up-without-resource-metadata")
class LeavesOutTheMetadata(StepUpWith):
    changes = MappingProxyType({"resource_metadata": None})


@ill("step-up-without-scope")
class LikeMiddlewareThatWantsAllScopes(SigningIn):
    """Two scopes are wanted for everything; no tool says so, and only a token for one of the two shows what is said."""

    def challenge(self, *, error=None):
        return super().challenge(error=error).replace('"notes:read"', '"notes:read notes:write"')

    def tools(self):
        return TOOLS[:1]

    def step_up(self):
        return {name: value for name, value in super().step_up().items() if name != "scope"}

    def refresh(self, form, client):
        self.scope = form.get("scope", "notes:read notes:write")
        return super().refresh(form, client)

    scope = "notes:read notes:write"

    def shape(self, body):
        return body | {"scope": self.scope}

    def claims(self, client_id):
        return super().claims(client_id) | {"scope": self.scope}

    async def answer_call(self, request):
        if self.scope == "notes:read":
            return self.demand_more()
        return await super().answer_call(request)
