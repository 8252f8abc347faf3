"""Liveness and readiness. Alive means that the process answers; ready means that it can do its work now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Readiness:
    """What one check found. `note` is for the operator and holds no secret."""

    ready: bool
    note: str = ""


ReadinessCheck = Callable[[], Awaitable[Readiness]]


def health_routes(checks: Mapping[str, ReadinessCheck]) -> list[web.RouteDef]:
    """GET /livez and GET /readyz; the latter runs every check and answers 503 if one says no."""

    async def livez(_request: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def readyz(_request: web.Request) -> web.Response:
        found = {name: await check() for name, check in checks.items()}
        return readiness_response(
            ready=all(r.ready for r in found.values()),
            checks={name: {"ready": r.ready, "note": r.note} for name, r in found.items()},
        )

    return [web.get("/livez", livez), web.get("/readyz", readyz)]


def readiness_response(*, ready: bool, **details: Any) -> web.Response:
    """200 or 503, with the details for the operator."""
    headers = {"Cache-Control": "no-store"} | ({} if ready else {"Retry-After": "2"})
    return web.json_response({"ready": ready, **details}, status=200 if ready else 503, headers=headers)
