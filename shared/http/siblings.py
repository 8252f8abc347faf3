"""Whichever of several processes is asked how the service is, it answers for all of them.

Metrics are the union, with the process as a label: sums over processes would fall whenever one begins anew.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from aiohttp import web
from prometheus_client import Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from shared.http.health import readiness_response
from shared.http.place import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from aiohttp.typedefs import Handler, Middleware

    from shared.http.place import Place

ANSWER_SECONDS: Final = 1.0
"""How long a process may take to say how it is; shorter than health checks wait for all of them."""
_METRICS: Final = "/metrics"
_READINESS: Final = "/readyz"
_INSIDE: Final = frozenset({"/livez", _READINESS, _METRICS})


@dataclass(frozen=True, slots=True)
class Said:
    """What one process said. One that does not run accepts no request either; one that is silent may."""

    process: int
    runs: bool
    body: str | None


def answer_for_all(place: Place) -> Middleware:
    """Make the middleware. On this process's own port it lets only questions about this process pass."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        address = request.transport.get_extra_info("sockname") if request.transport is not None else None
        if address is not None and address[1] == place.inside_port:
            if request.path not in _INSIDE:
                raise web.HTTPNotFound
            return await handler(request)
        if request.path == _METRICS and request.method == "GET":
            body = generate_latest(_Union(await _ask_all(place, _METRICS)))
            return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})
        if request.path == _READINESS and request.method == "GET":
            ready, processes = ready_together(await _ask_all(place, _READINESS))
            return readiness_response(ready=ready, processes=processes)
        return await handler(request)

    return answer


def ready_together(said: Sequence[Said]) -> tuple[bool, list[dict[str, Any]]]:
    """Whether every process that may be given a request is ready, and what each said."""
    details = [
        {"process": one.process, "runs": one.runs} | (json.loads(one.body) if one.body else {"ready": False})
        for one in said
    ]
    running = [detail for detail in details if detail["runs"]]
    return bool(running) and all(detail["ready"] for detail in running), details


def metrics_together(said: Iterable[Said]) -> list[Metric]:
    """Every sample of every process, with the process as a further label."""
    up = Metric("sallyport_process_up", "Whether this process of the service answers.", "gauge")
    families = {up.name: up}
    for one in said:
        process = {"process": str(one.process)}
        up.add_sample(up.name, process, float(one.body is not None))
        for family in text_string_to_metric_families(one.body or ""):
            whole = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            for sample in family.samples:
                whole.add_sample(sample.name, {**sample.labels, **process}, sample.value)
    return list(families.values())


class _Union:
    """What generate_latest takes."""

    def __init__(self, said: Sequence[Said]) -> None:
        self._said = said

    def collect(self) -> list[Metric]:
        return metrics_together(self._said)


async def _ask_all(place: Place, path: str) -> list[Said]:
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:

        async def ask(process: int, port: int) -> Said:
            try:
                async with session.get(f"http://{LOOPBACK}:{port}{path}") as answer:
                    return Said(process, runs=True, body=await answer.text())
            except aiohttp.ClientConnectorError:
                return Said(process, runs=False, body=None)
            except (aiohttp.ClientError, TimeoutError):
                return Said(process, runs=True, body=None)

        return await asyncio.gather(*(ask(process, port) for process, port in enumerate(place.inside_ports)))
