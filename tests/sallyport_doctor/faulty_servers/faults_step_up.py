"""Servers that mishandle a token with insufficient scope."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from aiohttp import web

from tests.sallyport_doctor.faulty_servers.endpoint import TOOLS, rpc
from tests.sallyport_doctor.faulty_servers.healthy import SigningIn, faulty


@faulty("step-up-wrong-status")
class Answers401ForScopes(SigningIn):
    def demand_more(self):
        return self.refuse("invalid_token")


@faulty("step-up-without-insufficient-scope")
class ForbidsWithoutChallenge(SigningIn):
    def demand_more(self):
        return web.json_response({"error": "forbidden"}, status=403)


@faulty("step-up-hidden-in-result")
class ChallengeInResultOnly(SigningIn):
    def demand_more(self):
        challenge = f'Bearer error="insufficient_scope", scope="notes:write", resource_metadata="{self.metadata_url}"'
        return rpc({"isError": True, "content": [], "_meta": {"mcp/www_authenticate": [challenge]}})


class StepUpWith(SigningIn):
    """Base class: single challenge parameters differ; None removes one."""

    changes: Mapping[str, Any] = MappingProxyType({})

    def step_up(self):
        merged = super().step_up() | self.changes
        return {name: value for name, value in merged.items() if value is not None}


@faulty("step-up-without-insufficient-scope")
class AnotherError(StepUpWith):
    changes = MappingProxyType({"error": "invalid_token"})


@faulty("step-up-without-scope")
class ChallengeWithoutScope(StepUpWith):
    changes = MappingProxyType({"scope": None})


@faulty("step-up-lacks-required")
class ChallengeLacksRequired(StepUpWith):
    changes = MappingProxyType({"scope": "notes:read"})


@faulty("step-up-drops-granted")
class ChallengeDropsGranted(StepUpWith):
    changes = MappingProxyType({"scope": "notes:write"})


@faulty("step-up-scope-unknown")
class ChallengeNamesUnknownScope(StepUpWith):
    changes = MappingProxyType({"scope": "notes:read notes:write notes:admin"})


@faulty("step-up-without-resource-metadata")
class ChallengeWithoutMetadata(StepUpWith):
    changes = MappingProxyType({"resource_metadata": None})


class BehindProxy(SigningIn):
    """Base class: the server sends a whole challenge, and a proxy in front forwards some parameters only."""

    forwarded: tuple[str, ...] = ()

    def demand_more(self):
        kept = ", ".join(f'{name}="{value}"' for name, value in self.step_up().items() if name in self.forwarded)
        return web.json_response(
            {"error": "insufficient_scope", "scope": self.step_up()["scope"]},
            status=403,
            headers={"WWW-Authenticate": f"Bearer {kept}"},
        )


@faulty("step-up-challenge-stripped")
class ProxyDropsScope(BehindProxy):
    forwarded = ("error", "resource_metadata")


@faulty("step-up-challenge-stripped")
class ProxyForwardsMetadataOnly(BehindProxy):
    forwarded = ("resource_metadata",)


@faulty("step-up-without-scope")
class MiddlewareRequiresAllScopes(SigningIn):
    """Every call requires two scopes and no tool declares it; only a token with one of them gets the challenge."""

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
