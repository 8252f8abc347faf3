"""One port for both services, for a tunnel to `make run`: what deploy/gateway is for `make up`.

It listens on loopback addresses, streams both ways, and sends each request once.
"""

from __future__ import annotations

import uuid
from contextlib import asynccontextmanager
from posixpath import normpath
from typing import TYPE_CHECKING, Final

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, web
from multidict import CIMultiDict
from yarl import URL

from devstack.service_process import ServiceError
from mcp_service.metadata import WELL_KNOWN
from shared.configured_url import check_issuer, origin_of, path_of
from shared.http.health import PROBED_PATHS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from multidict import CIMultiDictProxy

    from devstack.local_settings import LocalSettings

PUBLIC_URL: Final = "SALLYPORT_PUBLIC_URL"
"""The setting with the address of the tunnel; with it, `make run` has the gateway."""

_OF_THE_CONNECTION: Final = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)


def public_url_of(environment: Mapping[str, str]) -> str:
    """The public address that is configured; empty if none is. Raises ServiceError."""
    url = environment.get(PUBLIC_URL, "")
    if not url:
        return ""
    try:
        check_issuer(url)
    except ValueError as exc:
        raise ServiceError(f"{PUBLIC_URL}: {exc}") from exc
    if path_of(url):
        raise ServiceError(f"{PUBLIC_URL}: the public address {url!r} must have no path: {origin_of(url)}")
    return url


@asynccontextmanager
async def public_gateway(
    environment: Mapping[str, str], settings: LocalSettings, *, auth_port: int, mcp_port: int
) -> AsyncIterator[str]:
    """Serve until the end of the block, if a public address is configured. Raises ServiceError.

    Gives the address to which the tunnel forwards; empty without a public address.
    """
    if not public_url_of(environment):
        yield ""
        return
    # The same setting as for `make up`: a port, or an address and a port.
    port = environment.get("GATEWAY_HTTP") or "8080"
    try:
        number = int(port.rpartition(":")[2])
        async with serving(settings.hosts, number, settings.resource, auth_port, mcp_port):
            yield f"http://localhost:{number}"
    except (OSError, ValueError) as exc:
        raise ServiceError(f"cannot listen at the port of GATEWAY_HTTP={port}: {exc}") from exc


@asynccontextmanager
async def serving(hosts: Sequence[str], port: int, resource: str, auth_port: int, mcp_port: int) -> AsyncIterator[None]:
    """Serve at the port until the end of the block. Raises OSError if it cannot listen."""
    async with ClientSession(
        # One connection per request: none is lost on an idle connection that a service is closing.
        connector=TCPConnector(limit=0, force_close=True),
        timeout=ClientTimeout(total=None, connect=5),
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
    ) as session:
        path = path_of(resource)

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            # Appended to an address, any other form of target (RFC 9112 section 3.2) could name another host.
            if not request.raw_path.startswith("/"):
                return web.Response(status=400)
            if normpath(request.path.lower()) in PROBED_PATHS:
                return web.Response(status=404)
            to_mcp = request.path in {path, f"{path}/", f"{path}/jwks.json", WELL_KNOWN} or request.path.startswith(
                f"{WELL_KNOWN}/"
            )
            return await _relay(session, request, f"http://{hosts[0]}:{mcp_port if to_mcp else auth_port}")

        # A client that leaves ends the request at the service too.
        server = web.Server(handle, handler_cancellation=True, access_log=None, auto_decompress=False)
        runner = web.ServerRunner(server, shutdown_timeout=1)
        await runner.setup()
        try:
            for host in hosts:
                await web.TCPSite(runner, host, port).start()
            yield
        finally:
            await runner.cleanup()


async def _relay(session: ClientSession, request: web.BaseRequest, address: str) -> web.StreamResponse:
    headers = _end_to_end(request.headers)
    headers["X-Request-Id"] = uuid.uuid4().hex
    headers["X-Forwarded-For"] = ", ".join([*request.headers.getall("X-Forwarded-For", []), request.remote or ""])
    response: web.StreamResponse | None = None
    try:
        async with session.request(
            request.method,
            # As received: no part is decoded and encoded again.
            URL(f"{address}{request.raw_path}", encoded=True),
            headers=headers,
            data=request.content if request.can_read_body else None,
            allow_redirects=False,
            skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent", "Content-Type"),
        ) as answer:
            response = web.StreamResponse(
                status=answer.status, reason=answer.reason, headers=_end_to_end(answer.headers)
            )
            await response.prepare(request)
            async for block in answer.content.iter_any():
                await response.write(block)
            await response.write_eof()
            return response
    except ClientError:
        if response is None:
            return web.Response(status=502, text="The service does not answer.\n")
        # A body that had begun is broken off.
        if request.transport is not None:
            request.transport.abort()
        return response


def _end_to_end(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    """The headers that do not belong to one connection (RFC 9110 section 7.6.1)."""
    named = {name.strip().lower() for value in headers.getall("Connection", []) for name in value.split(",")}
    dropped = _OF_THE_CONNECTION | named
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in dropped)
