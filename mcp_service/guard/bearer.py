"""The ordered checks of a request: origin, credential, token, rate limits, message, scopes.

Owns: the order of the checks, the challenges and the count of decisions. Does not own: the rules of token, operation
and scopes. Invariants 1, 2, 8 and 9: a ServiceUnavailable passes through as 503 and never becomes a 401.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from aiohttp import web

from mcp_service.guard.errors import (
    BadMessage,
    BadToken,
    ForbiddenOrigin,
    InsufficientScope,
    McpError,
    SignInToolResult,
    Unauthenticated,
    UnsupportedMediaType,
)
from mcp_service.guard.operation import BadOperation, Operation, check_single_headers, read_operation
from mcp_service.guard.rate_limits import SUBJECT, TOKEN
from shared.configured_url import is_loopback_host, origin_of
from shared.errors import RequestRejected
from shared.http.client_address import CLIENT_ADDRESS
from shared.http.media_type import parse_media_type
from shared.http.request_middleware import LOG_FIELDS
from shared.jose.jws import InvalidToken
from shared.loop_metrics import LoopCounter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client import CollectorRegistry

    from mcp_service.guard.errors import Challenger
    from mcp_service.guard.operation import ScopeRules
    from mcp_service.guard.rate_limits import RequestLimits
    from shared.access_tokens.verifier import TokenVerifier, VerifiedToken

BODY_SECONDS: Final = 30.0
"""How long a body may take to arrive."""

_B64TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")


class AuthorizedRequest(NamedTuple):
    """A request that passed every check. `token` is None only for a public operation; `body` is within its bound."""

    token: VerifiedToken | None
    operation: Operation | None
    body: bytes


class AllowedOrigins:
    """The origins of pages that may call from a browser (MCP transports; against DNS rebinding).

    These are the server's own, loopback pages such as the Inspector's, and the configured ones.
    """

    def __init__(self, resource: str, configured: Iterable[str]) -> None:
        self._allowed = frozenset({origin_of(resource), *configured})

    def allows(self, origin: str) -> bool:
        """Whether an `Origin` header may pass. A request without the header does not come from a page."""
        return "*" in self._allowed or origin in self._allowed or _is_loopback_page(origin)


class GuardMetrics:
    """Counts the guard's decisions."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._decisions = LoopCounter(
            "sallyport_authorization_decisions",
            "Requests at the guard, by the error_id of the failed check; passed and public are no errors.",
            ("error_id",),
            registry=registry,
        ).counts

    def decided(self, decision: str) -> None:
        """Count one decision: `passed`, `public`, or the `error_id` of the failed check."""
        self._decisions[decision,] += 1


class BearerAuthenticator:
    """Authorizes a request or raises an error."""

    def __init__(
        self,
        *,
        verifier: TokenVerifier,
        rules: ScopeRules,
        challenger: Challenger,
        origins: AllowedOrigins,
        limits: RequestLimits,
        metrics: GuardMetrics,
    ) -> None:
        self._verifier = verifier
        self._rules = rules
        self._challenger = challenger
        self._origins = origins
        self._limits = limits
        self._metrics = metrics

    async def authorize(self, request: web.Request) -> AuthorizedRequest:
        """Run the checks. Raises McpError, or ServiceUnavailable while no key set can be trusted."""
        try:
            authorized = await self._authorize(request)
        except BadOperation as exc:
            self._metrics.decided(exc.error_id)
            error = BadMessage(exc.reason, error_id=exc.error_id)
            error.rpc_code, error.rpc_id = exc.rpc_code, exc.rpc_id
            raise error from exc
        except RequestRejected as error:
            self._metrics.decided(error.error_id)
            raise
        self._metrics.decided("public" if authorized.token is None else "passed")
        return authorized

    def refused(self, cause: InvalidToken) -> BadToken:
        """The error of a request whose token is not valid, with its challenge."""
        challenge = self._challenger.challenge(
            scopes=self._rules.requested_first, error=BadToken.code, description=BadToken.public
        )
        return BadToken(cause.reason, error_id=f"token_{cause.error_id}", headers={"WWW-Authenticate": challenge})

    async def _authorize(self, request: web.Request) -> AuthorizedRequest:
        token = await self._authenticate(request)
        if request.method != "POST":
            if token is None:
                raise self._unauthenticated(None)
            check_single_headers(request.headers)
            return AuthorizedRequest(token, None, b"")
        if token is None and not self._rules.allow_anonymous:
            raise self._unauthenticated(None)
        content_type = request.headers.get("Content-Type")
        # It is well-formed: shared/http/application.py has parsed it.
        if not content_type or parse_media_type(content_type).essence != "application/json":
            raise UnsupportedMediaType("the body is not JSON by its header", error_id="content_type")
        body = arrived_body(request)
        if body is None:
            body = await self._read(request)
        operation = self._operation(request, body)
        try:
            self._check_scopes(token, operation)
        except McpError as error:
            if self._signs_in_by_tool_result(request, operation):
                raise SignInToolResult(error) from error
            raise
        return AuthorizedRequest(token, operation, body)

    async def _authenticate(self, request: web.Request) -> VerifiedToken | None:
        """The valid token, or None without a credential; either is counted by the rate limits, as is a failure."""
        try:
            self._check_origin(request)
            credential = self._credential(request)
            token = None
            if credential is not None:
                # A token that is remembered has passed every check of `_verify`.
                token = self._verifier.remembered(credential) or await self._verify(credential)
        except McpError:
            self._limits.check_unauthenticated(request[CLIENT_ADDRESS])
            raise
        if token is None:
            self._limits.check_unauthenticated(request[CLIENT_ADDRESS])
        else:
            claims = token.claims
            fields = request[LOG_FIELDS]
            fields["client"], fields["subject"] = claims.client_id, claims.subject
            self._limits.check("token", (claims.subject, claims.token_id), TOKEN)
            self._limits.check("subject", claims.subject, SUBJECT)
        return token

    def _check_origin(self, request: web.Request) -> None:
        for origin in request.headers.getall("Origin", ()):
            if not self._origins.allows(origin):
                raise ForbiddenOrigin(f"the origin {origin!r:.100} is not allowed", error_id="origin")

    def _credential(self, request: web.Request) -> str | None:
        """The bearer token as presented, or None without one. Raises BadMessage for one in the wrong place."""
        if "access_token" in request.query:
            raise self._malformed("the token is in the query string, where it gets logged", "token_in_query")
        values = request.headers.getall("Authorization", ())
        if len(values) > 1:
            raise self._malformed("several Authorization headers", "authorization_single")
        scheme, _, unverified_token = (values[0] if values else "").strip().partition(" ")
        unverified_token = unverified_token.strip()
        # Another scheme, or "Bearer" alone, counts as no credential: the client must learn where to sign in.
        return unverified_token if scheme.lower() == "bearer" and unverified_token else None

    async def _verify(self, unverified_token: str) -> VerifiedToken:
        if _B64TOKEN.fullmatch(unverified_token) is None:
            raise self._malformed("the credential is not a b64token (RFC 6750 section 2.1)", "authorization_form")
        try:
            return await self._verifier.verify(unverified_token)
        except InvalidToken as exc:
            raise self.refused(exc) from exc

    async def _read(self, request: web.Request) -> bytes:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await request.read()
        except TimeoutError as exc:
            raise BadMessage("the body did not arrive in time", error_id="body_time", status=408) from exc

    def _operation(self, request: web.Request, body: bytes) -> Operation:
        operation = read_operation(body, request.headers)
        fields = request[LOG_FIELDS]
        fields["operation"] = operation.method[:60]
        if operation.tools:
            fields["tool"] = operation.tools[0][:60]
        return operation

    def _check_scopes(self, token: VerifiedToken | None, operation: Operation) -> None:
        if self._rules.is_public(operation):
            return
        if token is None:
            raise self._unauthenticated(operation)
        required = self._rules.required(operation)
        granted = token.claims.scopes
        if self._rules.covers(granted, required):
            return
        # The scopes already granted are named too: clients do not unite them with the new ones by themselves.
        challenge = self._challenger.challenge(
            scopes=(*granted, *required), error=InsufficientScope.code, description=InsufficientScope.public
        )
        error = InsufficientScope(
            f"needs {' '.join(required)}, has {' '.join(granted) or 'none'}",
            error_id="scope",
            headers={"WWW-Authenticate": challenge},
        )
        error.rpc_id = operation.rpc_id
        raise error

    def _unauthenticated(self, operation: Operation | None) -> Unauthenticated:
        needed = () if operation is None else self._rules.required(operation)
        challenge = self._challenger.challenge(scopes=(*self._rules.requested_first, *needed))
        error = Unauthenticated("no credential", error_id="credential", headers={"WWW-Authenticate": challenge})
        error.rpc_id = None if operation is None else operation.rpc_id
        return error

    def _malformed(self, reason: str, error_id: str) -> BadMessage:
        challenge = self._challenger.challenge(scopes=self._rules.requested_first, error="invalid_request")
        return BadMessage(reason, error_id=error_id, headers={"WWW-Authenticate": challenge})

    def _signs_in_by_tool_result(self, request: web.Request, operation: Operation) -> bool:
        """Whether this client shows its sign-in only for a tool result (interop.md R7)."""
        if not self._rules.allow_anonymous or operation.method != "tools/call" or operation.rpc_id is None:
            return False
        return self._challenger.signs_in_by_tool_result(
            user_agent=request.headers.get("User-Agent", ""), client_name=operation.client_name or ""
        )


def arrived_body(request: web.Request) -> bytes | None:
    """The whole body if it arrived with its headers, as most do; it can be taken once. None if more is to come.

    Raises HTTPRequestEntityTooLarge above the `client_max_size` of the application, as `request.read()` does.
    """
    if not request.content.is_eof():
        return None
    body = request.content.read_nowait()
    if len(body) > request.client_max_size:
        raise web.HTTPRequestEntityTooLarge(request.client_max_size)
    return body


def _is_loopback_page(origin: str) -> bool:
    # In a rebinding attack Origin holds the attacker's own name, so the names of this machine are safe to allow.
    try:
        parts = urlsplit(origin)
        return (
            parts.scheme in {"http", "https"}
            and parts.path == ""
            and parts.username is None
            and (parts.port is None or parts.port > 0)
            and is_loopback_host(parts.hostname or "")
        )
    except ValueError:
        return False
