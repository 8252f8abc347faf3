"""The guard in front of /mcp: origin, credential, token, operation, scopes, in this order.

Owns: the order of the checks and the challenges. Does not own: any of the rules, which have files of their own.
Invariants 1, 2, 8 and 9. A fault of ours passes through as the ServiceUnavailable that it is: 503, never 401.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mcp_service.guard.errors import (
    BadMessage,
    BadToken,
    ForbiddenOrigin,
    InsufficientScope,
    McpError,
    SignInToolResult,
    Unauthenticated,
)
from mcp_service.guard.operation import BadOperation, Operation, read_operation
from shared.errors import RequestRejected
from shared.http.request_middleware import LOG_FIELDS
from shared.jose.jws import InvalidToken

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiohttp import web

    from mcp_service.guard.challenge import Challenger
    from mcp_service.guard.origins import AllowedOrigins
    from mcp_service.guard.scope_policy import ScopeRules
    from mcp_service.jwks.metrics import GuardMetrics
    from shared.access_tokens.verifier import TokenVerifier, VerifiedToken

BODY_SECONDS: Final = 30.0
"""How long a body may take to arrive."""

_B64TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")


@dataclass(frozen=True, slots=True)
class AuthorizedRequest:
    """A request that may pass. `token` is None only for what is public; `body` was read within its bounds."""

    token: VerifiedToken | None
    operation: Operation | None
    body: bytes


class BearerAuthenticator:
    """Admits a request or raises a refusal."""

    def __init__(
        self,
        *,
        verifier: TokenVerifier,
        rules: ScopeRules,
        challenger: Challenger,
        origins: AllowedOrigins,
        metrics: GuardMetrics,
        allow_anonymous: bool = False,
        tool_result_auth_clients: Iterable[str] = (),
    ) -> None:
        self._verifier = verifier
        self._rules = rules
        self._challenger = challenger
        self._origins = origins
        self._metrics = metrics
        self._allow_anonymous = allow_anonymous
        self._tool_result_auth_clients = frozenset(c.lower() for c in tool_result_auth_clients)

    async def authorize(self, request: web.Request) -> AuthorizedRequest:
        """The ordered list of checks. Raises McpError, or ServiceUnavailable while keys cannot be had."""
        try:
            admission = await self._admit(request)
        except RequestRejected as refusal:
            self._metrics.decided(refusal.error_id)
            raise
        self._metrics.decided("public" if admission.token is None else "passed")
        return admission

    async def _admit(self, request: web.Request) -> AuthorizedRequest:
        self._check_origin(request)
        credential = self._credential(request)
        token = None if credential is None else await self._verify(request, credential)
        if request.method != "POST":
            if token is None:
                raise self._unauthenticated(None)
            return AuthorizedRequest(token, None, b"")
        if token is None and not self._allow_anonymous:
            raise self._unauthenticated(None)
        body = await self._read(request)
        operation = self._operation(request, body)
        try:
            self._check_scopes(token, operation)
        except McpError as refusal:
            if self._asks_in_band(request, operation):
                raise SignInToolResult(refusal) from refusal
            raise
        return AuthorizedRequest(token, operation, body)

    def _check_origin(self, request: web.Request) -> None:
        for origin in request.headers.getall("Origin", ()):
            if not self._origins.allows(origin):
                raise ForbiddenOrigin(f"the origin {origin!r:.100} is not allowed", error_id="origin")

    def _credential(self, request: web.Request) -> str | None:
        """The bearer token as it came, or None if there is none. Raises BadMessage for one in the wrong place."""
        if "access_token" in request.query:
            raise self._malformed("the token is in the query string, where it gets logged", "token_in_query")
        values = request.headers.getall("Authorization", ())
        if len(values) > 1:
            raise self._malformed("several Authorization headers", "authorization_single")
        scheme, _, unverified_token = (values[0] if values else "").strip().partition(" ")
        unverified_token = unverified_token.strip()
        # Another scheme is no credential here, and neither is a bare "Bearer": the client must learn where to sign in.
        if scheme.lower() != "bearer" or not unverified_token:
            return None
        if _B64TOKEN.fullmatch(unverified_token) is None:
            raise self._malformed("the credential is not a b64token (RFC 6750 section 2.1)", "authorization_form")
        return unverified_token

    async def _verify(self, request: web.Request, unverified_token: str) -> VerifiedToken:
        try:
            token = await self._verifier.verify(unverified_token)
        except InvalidToken as exc:
            challenge = self._challenger.challenge(
                scopes=self._rules.default, error=BadToken.code, description=BadToken.public
            )
            raise BadToken(
                exc.reason, error_id=f"token_{exc.error_id}", headers={"WWW-Authenticate": challenge}
            ) from exc
        request[LOG_FIELDS].update(client=token.claims.client_id, subject=token.claims.subject)
        return token

    async def _read(self, request: web.Request) -> bytes:
        if request.content.is_eof():
            # All of it came with the headers, as most calls do: nothing to wait for.
            return await request.read()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await request.read()
        except TimeoutError as exc:
            raise BadMessage("the body did not arrive in time", error_id="body_time", status=408) from exc

    def _operation(self, request: web.Request, body: bytes) -> Operation:
        try:
            operation = read_operation(body, request.headers)
        except BadOperation as exc:
            refusal = BadMessage(exc.reason, error_id=exc.error_id)
            refusal.rpc_code, refusal.rpc_id = exc.rpc_code, exc.rpc_id
            raise refusal from exc
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
        # All scopes of the operation and all already granted: clients do not unite them by themselves.
        challenge = self._challenger.challenge(
            scopes=(*granted, *required), error=InsufficientScope.code, description=InsufficientScope.public
        )
        refusal = InsufficientScope(
            f"needs {' '.join(required)}, has {' '.join(granted) or 'none'}",
            error_id="scope",
            headers={"WWW-Authenticate": challenge},
        )
        refusal.rpc_id = operation.rpc_id
        raise refusal

    def _unauthenticated(self, operation: Operation | None) -> Unauthenticated:
        needed = () if operation is None else self._rules.required(operation)
        challenge = self._challenger.challenge(scopes=(*self._rules.default, *needed))
        refusal = Unauthenticated("no credential", error_id="credential", headers={"WWW-Authenticate": challenge})
        refusal.rpc_id = None if operation is None else operation.rpc_id
        return refusal

    def _malformed(self, reason: str, error_id: str) -> BadMessage:
        challenge = self._challenger.challenge(scopes=self._rules.default, error="invalid_request")
        return BadMessage(reason, error_id=error_id, headers={"WWW-Authenticate": challenge})

    def _asks_in_band(self, request: web.Request, operation: Operation) -> bool:
        """Whether this client shows its sign-in only for a tool result (mixed access only)."""
        if not self._allow_anonymous or operation.method != "tools/call" or operation.rpc_id is None:
            return False
        agent = request.headers.get("User-Agent", "").partition("/")[0]
        return bool({"*", agent.lower(), (operation.client_name or "").lower()} & self._tool_result_auth_clients)
