"""Endpoints for operation: liveness, readiness and metrics.

Alive: the process answers. Ready: requests should be sent to it. Impaired: it serves only a part of them, and another
replica would serve no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

PROBED_PATHS: Final = frozenset({"/livez", "/readyz", "/metrics"})
"""Polled every few seconds by the operator's systems: in no rate limit, and logged at debug level while all is well."""

DRAINING: Final = web.AppKey("DRAINING", asyncio.Event)
"""Set while the process shuts down (shared.http.serve): `/readyz` then answers 503, `/livez` still 200."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """The result of one check. `note` is for the operator and holds no secret."""

    ready: bool
    note: str = ""
    impaired: bool = False


ReadinessCheck = Callable[[], Awaitable[Readiness]]


def health_routes(checks: Mapping[str, ReadinessCheck]) -> list[web.RouteDef]:
    """GET /livez and GET /readyz; the latter answers 503 during the drain, and when a check fails."""

    async def livez(_request: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def readyz(request: web.Request) -> web.Response:
        draining = request.config_dict.get(DRAINING)
        if draining is not None and draining.is_set():
            return _readiness_response(ready=False, draining=True)
        results = {name: await check() for name, check in checks.items()}
        return _readiness_response(
            ready=all(r.ready for r in results.values()),
            impaired=[name for name, r in results.items() if r.impaired],
            checks={name: {"ready": r.ready, "note": r.note} for name, r in results.items()},
        )

    return [web.get("/livez", livez), web.get("/readyz", readyz)]


def metrics_route(registry: CollectorRegistry) -> web.RouteDef:
    """GET /metrics, in the Prometheus text format."""

    async def show(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return web.get("/metrics", show)


def _readiness_response(*, ready: bool, **details: Any) -> web.Response:
    headers = {"Cache-Control": "no-store"} | ({} if ready else {"Retry-After": "2"})
    return web.json_response({"ready": ready, **details}, status=200 if ready else 503, headers=headers)
