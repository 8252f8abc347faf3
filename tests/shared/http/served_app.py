"""An application under `serve` in a process of its own: `python -m tests.shared.http.served_app PORT`.

It prints "ready", "entered" (a request waits) and "streams end"; a line on standard input lets the slow request finish.
Its drain ends only with a second signal.
"""

import asyncio
import sys

from aiohttp import web
from prometheus_client import CollectorRegistry

from shared.http.application import checked_application
from shared.http.connections import ConnectionMetrics, ConnectionTable
from shared.http.health import health_routes
from shared.http.serve import serve


def report(event: str) -> None:
    print(event, flush=True)


class App:
    """One quick answer, one slow one, and a stream."""

    def __init__(self) -> None:
        self.finish = asyncio.Event()
        self.streams_end = asyncio.Event()

    async def quick(self, _request: web.Request) -> web.Response:
        return web.Response(text="quick")

    async def slow(self, _request: web.Request) -> web.Response:
        report("entered")
        await self.finish.wait()
        return web.Response(text="slow")

    async def stream(self, _request: web.Request) -> web.Response:
        report("entered")
        await self.streams_end.wait()
        return web.Response(text="stream")

    async def end_streams(self, _app: web.Application) -> None:
        report("streams end")
        self.streams_end.set()


async def main(port: int) -> None:
    """Serve until two signals have come."""
    handlers = App()
    app = checked_application(
        middlewares=[],
        client_max_size=1000,
        cors={},
        connections=ConnectionTable(metrics=ConnectionMetrics(CollectorRegistry())),
        is_https=False,
    )
    app.add_routes([web.get("/quick", handlers.quick), web.get("/slow", handlers.slow)])
    app.add_routes([web.get("/stream", handlers.stream), *health_routes({})])
    app.on_shutdown.append(handlers.end_streams)
    asyncio.get_running_loop().add_reader(sys.stdin, handlers.finish.set)
    await serve(
        app,
        hosts=["127.0.0.1"],
        port=port,
        drain_seconds=60,
        shutdown_seconds=5,
        on_ready=lambda: report("ready"),
    )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
