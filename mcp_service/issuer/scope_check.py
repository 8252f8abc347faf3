"""Compares the scopes of the scope map with those that the issuer's metadata list, in the background.

The comparison is one-sided: the issuer may have scopes of other resources, and RFC 8414 permits it to leave some out of
`scopes_supported`. So a difference is a note and never makes the guard unready, not even if no scope is known.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Gauge

from mcp_service.issuer.metadata import fetch_metadata
from mcp_service.issuer.session import REQUEST_ERRORS, IssuerSession
from shared.background import end_tasks
from shared.fetch.ssrf_safe_client import FetchFailed
from shared.http.health import Readiness
from shared.operator_commands import runnable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import structlog

    from shared.background import TaskSupervisor

FIRST_SECONDS: Final = 1.0
"""After the start: the issuer may be starting too."""
LONGEST_SECONDS: Final = 300.0
FIX: Final = "`mcp_service check-config --print-resource` prints the entry for AUTH_RESOURCES."
"""Advice on a difference; see shared/operator_commands.py."""


class NotCompared(Exception):
    """The issuer did not say which scopes it has. The text is for the operator."""


async def scopes_unknown_to_issuer(session: IssuerSession, *, issuer: str, scopes: Sequence[str]) -> tuple[str, ...]:
    """The scopes that the issuer's metadata do not list. Raises NotCompared."""
    try:
        async with asyncio.timeout(session.response_seconds):
            document = await fetch_metadata(session.open(), issuer)
    except (FetchFailed, *REQUEST_ERRORS) as exc:
        raise NotCompared(f"the metadata of {issuer} cannot be read: {str(exc) or type(exc).__name__}"[:300]) from exc
    supported = None if document is None else document.get("scopes_supported")
    if not isinstance(supported, list):
        raise NotCompared(f"the metadata of {issuer} list no scopes")
    return tuple(scope for scope in scopes if scope not in supported)


def difference_note(unknown: Sequence[str], scopes: Sequence[str]) -> str:
    """One sentence for the operator; empty without a difference."""
    if not unknown:
        return ""
    which = "any scope of this server" if len(unknown) == len(scopes) else " ".join(unknown)
    return f"the issuer does not list {which}: no client can get it"


class IssuerScopeCheck:
    """Compares once after the start and then every few minutes; never delays the start."""

    def __init__(
        self,
        scopes: Sequence[str],
        *,
        issuer: str,
        registry: CollectorRegistry,
        log: structlog.typing.FilteringBoundLogger,
        enabled: bool = True,
    ) -> None:
        self._scopes = scopes
        self._issuer = issuer
        self._log = log
        self._enabled = enabled
        self._session = IssuerSession()
        self._unknown: tuple[str, ...] = ()
        self._compares = True
        self._task: asyncio.Task[None] | None = None
        self._gauge = Gauge(
            "sallyport_scopes_unknown_to_issuer",
            "Scopes of the scope map that the issuer's metadata do not list.",
            registry=registry,
        )

    async def start(self, supervisor: TaskSupervisor) -> None:
        """Start comparing in the background."""
        if self._enabled:
            self._task = supervisor.start("issuer_scope_check", self._check_periodically)

    async def stop(self) -> None:
        """End the background task."""
        if self._task is not None:
            await end_tasks([self._task])
        await self._session.close()

    async def readiness(self) -> Readiness:
        """Ready whatever the result; the note says what differs."""
        return Readiness(ready=True, impaired=bool(self._unknown), note=difference_note(self._unknown, self._scopes))

    async def check(self) -> bool:
        """Compare once; tell whether the issuer answered. Without an answer the last result stays."""
        try:
            unknown = await scopes_unknown_to_issuer(self._session, issuer=self._issuer, scopes=self._scopes)
        except NotCompared as exc:
            if self._compares:
                self._log.info("issuer_scopes_not_compared", reason=str(exc))
            self._compares = False
            return False
        self._compares = True
        if unknown and unknown != self._unknown:
            self._log.warning("issuer_scopes_differ", unknown=list(unknown), hint=runnable(FIX))
        elif self._unknown and not unknown:
            self._log.info("issuer_scopes_agree")
        self._unknown = unknown
        self._gauge.set(len(unknown))
        return True

    async def _check_periodically(self) -> None:
        pause = FIRST_SECONDS
        while True:
            await asyncio.sleep(pause)
            pause = LONGEST_SECONDS if await self.check() else min(2 * pause, LONGEST_SECONDS)
