"""HTTP to auth_service: the check that it is the one meant, and the forwarding of one request.

Nothing is forwarded before the check has succeeded (docs/forwarding.md, threats 1 and 2). The address is configured;
no part of a client's request reaches it but the body and the headers named here.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import aiohttp

from mcp_service.guard.errors import TooManyUnauthenticatedRequests
from shared.configured_url import origin_of, path_of
from shared.errors import ServiceUnavailable
from shared.fetch.ssrf_safe_client import FetchFailed, read_bounded
from shared.http.client_address import network_of
from shared.http.media_type import essence_of
from shared.http.request_middleware import REQUEST_ID_HEADER, new_request_id
from shared.ip_addresses import is_shared
from shared.jose.strict_json import BadJson, parse_json_object
from shared.single_flight import SingleFlight

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from shared.ip_addresses import IPNetwork

MAX_RESPONSE_BYTES: Final = 256 * 1024
CONNECT_SECONDS: Final = 3.0
RESPONSE_SECONDS: Final = 15.0
CHECKED_SECONDS: Final = 60.0
"""How long a successful check counts."""
REFUSED_SECONDS: Final = 10.0
"""How long a failed check counts: unauthenticated clients cause at most one request in this time."""
MAX_IN_PROGRESS: Final = 64
MAX_IN_PROGRESS_PER_NETWORK: Final = MAX_IN_PROGRESS // 4
"""auth_service delays its refusals by seconds, so that a network over its limits there would occupy all places here."""

_RESPONSE_HEADERS: Final = (
    "Content-Type",
    "Cache-Control",
    "Pragma",
    "WWW-Authenticate",
    "Retry-After",
    "RateLimit",
    "RateLimit-Policy",
)


class ForwardingRefused(Exception):
    """The server at the configured address is not this deployment's auth_service, or takes no address from us.

    The text is for the operator.
    """


@dataclass(frozen=True, slots=True)
class ForwardedResponse:
    """The response of auth_service, to be passed on as it is."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class AuthServiceClient:
    """Forwards to auth_service at its configured address."""

    def __init__(
        self,
        *,
        address: str,
        issuer: str,
        needs_trust: bool,
        shared_networks: Sequence[IPNetwork],
        clock: Callable[[], float],
    ) -> None:
        """`address` is an origin. `needs_trust`: auth_service must accept the client's address from this server.

        `shared_networks`: with many clients behind each address. `clock` never goes back.
        """
        self._base = f"{address}{path_of(issuer)}"
        self._metadata_url = f"{address}/.well-known/oauth-authorization-server{path_of(issuer)}"
        self._issuer = issuer
        self._host = origin_of(issuer).partition("://")[2]
        self._needs_trust = needs_trust
        self._shared_networks = tuple(shared_networks)
        self._clock = clock
        self._checks: SingleFlight[None] = SingleFlight()
        self._result: tuple[float, Exception | None] | None = None
        self._in_progress: Counter[str] = Counter()
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """End checks in progress and close the connections."""
        await self._checks.close()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def check(self) -> None:
        """Confirm what forwarding depends on, at most once in a while.

        Raises ForwardingRefused, or ServiceUnavailable while auth_service does not answer.
        """
        if self._result is None or self._clock() >= self._result[0]:
            await self._checks.run("check", self._check)
        if self._result is not None and self._result[1] is not None:
            raise self._result[1]

    async def post(
        self, path: str, *, body: bytes, headers: Mapping[str, str], client_address: str, request_id: str
    ) -> ForwardedResponse:
        """Send the request once. Raises ServiceUnavailable without a usable response: it may have been carried out.

        Raises TooManyUnauthenticatedRequests if too many requests of the client's network are in progress.
        """
        network = network_of(client_address)
        self._check_bounds(client_address, network)
        sent = {**headers, "Accept": "application/json", REQUEST_ID_HEADER: request_id}
        if client_address:
            sent["X-Forwarded-For"] = client_address
        self._in_progress[network] += 1
        try:
            response = await self._send("POST", f"{self._base}{path}", headers=sent, body=body)
            _check_response(response)
        except (aiohttp.ClientError, FetchFailed, TimeoutError, OSError) as exc:
            raise ServiceUnavailable(f"auth_service: {type(exc).__name__}: {exc}"[:300], error_id="forwarding") from exc
        finally:
            self._in_progress[network] -= 1
            if not self._in_progress[network]:
                del self._in_progress[network]
        return response

    def _check_bounds(self, client_address: str, network: str) -> None:
        if self._in_progress.total() >= MAX_IN_PROGRESS:
            raise ServiceUnavailable(f"{MAX_IN_PROGRESS} requests are being forwarded", error_id="forwarding_bound")
        if self._in_progress[network] >= MAX_IN_PROGRESS_PER_NETWORK and not is_shared(
            client_address, self._shared_networks
        ):
            raise TooManyUnauthenticatedRequests(
                f"{MAX_IN_PROGRESS_PER_NETWORK} requests of the network are being forwarded",
                error_id="forwarding_network_bound",
                headers={"Retry-After": "2"},
            )

    async def _check(self) -> None:
        error: Exception | None = None
        try:
            await self._confirm()
        except ForwardingRefused as exc:
            error = exc
        except (aiohttp.ClientError, FetchFailed, TimeoutError, OSError) as exc:
            error = ServiceUnavailable(f"auth_service: {type(exc).__name__}: {exc}"[:300], error_id="forwarding")
        self._result = (self._clock() + (CHECKED_SECONDS if error is None else REFUSED_SECONDS), error)

    async def _confirm(self) -> None:
        request_id = new_request_id()
        response = await self._send("GET", self._metadata_url, headers={REQUEST_ID_HEADER: request_id})
        if response.status >= 500 or response.status == 429:
            raise FetchFailed(f"status {response.status}")
        if response.status != 200:
            raise ForwardingRefused(
                f"{self._metadata_url} is not the metadata of an auth_service: the status is {response.status}"
            )
        try:
            document = parse_json_object(response.body)
        except BadJson as exc:
            raise ForwardingRefused(f"{self._metadata_url} is not the metadata of an auth_service: {exc}") from exc
        expected = {
            "issuer": self._issuer,
            "token_endpoint": f"{self._issuer}/token",
            "registration_endpoint": f"{self._issuer}/register",
            "authorization_endpoint": f"{self._issuer}/authorize",
        }
        for name, value in expected.items():
            if document.get(name) != value:
                raise ForwardingRefused(
                    f"{self._metadata_url} is not the metadata of an auth_service whose issuer is {self._issuer}: "
                    f"{name} is {document.get(name)!r:.200}"
                )
        if self._needs_trust and response.headers.get(REQUEST_ID_HEADER) != request_id:
            raise ForwardingRefused(
                "auth_service does not take the client's address from this server: add this server's address, as "
                "auth_service sees it, to AUTH_TRUSTED_PROXIES"
            )

    async def _send(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None
    ) -> ForwardedResponse:
        sent = {"Host": self._host, "Accept-Encoding": "identity", **headers}
        async with asyncio.timeout(RESPONSE_SECONDS):
            response = await self._open().request(method, url, headers=sent, data=body, allow_redirects=False)
            async with response:
                received = await read_bounded(response, MAX_RESPONSE_BYTES)
        kept = (*_RESPONSE_HEADERS, REQUEST_ID_HEADER)
        return ForwardedResponse(
            response.status, {name: response.headers[name] for name in kept if name in response.headers}, received
        )

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                # A connection that auth_service has closed meanwhile would fail a request that must not be repeated.
                connector=aiohttp.TCPConnector(resolver=aiohttp.ThreadedResolver(), force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
                auto_decompress=False,
                trust_env=False,
                skip_auto_headers=("User-Agent",),
            )
        return self._session


def _check_response(response: ForwardedResponse) -> None:
    """Raises FetchFailed for a response that no endpoint of auth_service gives."""
    content_type = response.headers.get("Content-Type", "")
    if 300 <= response.status < 400 or essence_of(content_type) != "application/json":
        raise FetchFailed(f"status {response.status}, {content_type!r:.60}")
