"""The endpoints: two requests are forwarded, one is redirected. Every other address of this origin stays 404."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiohttp import web

from mcp_service.forwarding.auth_service_client import ForwardingRefused
from shared.errors import Misconfigured, RequestRejected, ServiceUnavailable
from shared.http.client_address import CLIENT_ADDRESS
from shared.http.request_middleware import LOG_FIELDS, REQUEST_ID, REQUEST_ID_HEADER

if TYPE_CHECKING:
    import structlog

    from mcp_service.forwarding.auth_service_client import AuthServiceClient

MAX_BODY_BYTES: Final = 64 * 1024
"""The limit of auth_service."""
BODY_SECONDS: Final = 15.0


class ForwardingEndpoints:
    """POST /token and POST /register are forwarded to auth_service, GET /authorize redirects to it."""

    def __init__(
        self, auth_service: AuthServiceClient, *, issuer: str, log: structlog.typing.FilteringBoundLogger
    ) -> None:
        self._auth_service = auth_service
        self._issuer = issuer
        self._log = log

    def routes(self) -> list[web.RouteDef]:
        """The routes of this origin."""
        return [
            web.post("/token", self.forward),
            web.post("/register", self.forward),
            web.get("/authorize", self.redirect, allow_head=False),
        ]

    async def start(self) -> None:
        """Check auth_service. Raises Misconfigured if it is another server, or does not trust this one as a proxy.

        While it does not answer, the service starts all the same: the first request checks again.
        """
        try:
            await self._auth_service.check()
        except ForwardingRefused as exc:
            raise Misconfigured(f"MCP_FORWARD_OAUTH_TO: {exc}") from exc
        except ServiceUnavailable as exc:
            self._log.warning("forwarding_unchecked", reason=exc.reason)

    async def close(self) -> None:
        """Close the connections to auth_service."""
        await self._auth_service.close()

    async def forward(self, request: web.Request) -> web.Response:
        """Pass the body on, and the response back. Raises RequestRejected or ServiceUnavailable."""
        await self._check()
        body = await _read(request)
        response = await self._auth_service.post(
            request.path,
            body=body,
            headers=_passed_on(request),
            client_address=request[CLIENT_ADDRESS],
            request_id=request[REQUEST_ID],
        )
        headers = dict(response.headers)
        request[LOG_FIELDS]["forwarded_as"] = headers.pop(REQUEST_ID_HEADER, "")
        return web.Response(status=response.status, headers=headers, body=response.body)

    async def redirect(self, request: web.Request) -> web.Response:
        """Send the browser to the issuer's authorization endpoint, with the query unchanged."""
        await self._check()
        query = request.rel_url.raw_query_string
        if not (query.isascii() and query.isprintable()):
            raise RequestRejected("the query has characters that a URL cannot have", error_id="forwarded_query")
        location = f"{self._issuer}/authorize?{query}"
        return web.Response(status=302, headers={"Location": location, "Cache-Control": "no-store"})

    async def _check(self) -> None:
        try:
            await self._auth_service.check()
        except ForwardingRefused as exc:
            raise RequestRejected(
                f"not forwarded: {exc}",
                error_id="forwarding_refused",
                status=404,
                code="not_found",
                public="There is nothing at this address.",
            ) from exc


def _passed_on(request: web.Request) -> dict[str, str]:
    """The headers that auth_service needs: the type of the body, and the client's own credential.

    A Bearer token is meant for the MCP server and stays here.
    """
    headers = {"Content-Type": request.headers["Content-Type"]} if "Content-Type" in request.headers else {}
    credentials = request.headers.getall("Authorization", ())
    if len(credentials) > 1:
        raise RequestRejected("several Authorization headers", error_id="authorization_single")
    if credentials and credentials[0].strip().lower().startswith("basic "):
        headers["Authorization"] = credentials[0]
    return headers


async def _read(request: web.Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise RequestRejected(
                        "the body is too long",
                        error_id="body_size",
                        status=413,
                        public="The request body is too large.",
                    )
    except TimeoutError as exc:
        raise RequestRejected(
            "the body did not arrive in time", error_id="body_time", status=408, public="The request took too long."
        ) from exc
    return bytes(body)
