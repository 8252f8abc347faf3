"""Compares AUTH_RESOURCES with the scopes that each resource publishes, in the background.

Owns: the fetch of protected resource metadata (RFC 9728), the comparison, its log lines, metric and readiness note.
Compares only: the scopes decide what users consent to, so they come from this service's settings and never from another
service (docs/adr/0010-scopes-are-compared-not-fetched.md). A resource that cannot be reached changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Gauge

from shared.background import end_tasks
from shared.configured_url import origin_of, path_of
from shared.fetch.ssrf_safe_client import FetchFailed, SsrfSafeClient
from shared.http.health import Readiness
from shared.jose.strict_json import BadJson, parse_json_object
from shared.operator_commands import runnable
from shared.scope_difference import ScopeDifference, compare_scopes, scope_tokens, unverified_published_scopes

if TYPE_CHECKING:
    from collections.abc import Sequence

    import structlog

    from auth_service.resources.catalogue import ProtectedResource
    from shared.background import TaskSupervisor
    from shared.ip_addresses import IPAddress

MAX_BYTES: Final = 64 * 1024
FIRST_SECONDS: Final = 1.0
"""The seconds from the start to the first comparison: the resource servers may be starting too."""
LONGEST_SECONDS: Final = 300.0
REPORTED_AFTER_FAILURES: Final = 5
"""The consecutive failures that are reported: 31 s after the start, as a resource server may start later."""
FIX: Final = "`mcp_service check-config --print-resource` prints the entry that agrees."
"""The remedy for a difference; see shared/operator_commands.py."""


class NotCompared(Exception):
    """The scopes of the resource could not be read. The text is for the operator."""


@dataclass(frozen=True, slots=True)
class ScopeDifferences:
    """The result of one comparison, by the identifier of the resource."""

    different: Mapping[str, ScopeDifference]
    not_compared: Mapping[str, str]
    """The resources that were not compared, with the reason."""

    def sentences(self) -> tuple[str, ...]:
        """The differences in sentences for the operator."""
        return tuple(f"{name}: {text}" for name, found in self.different.items() for text in found.sentences())


def resource_metadata_url(resource: ProtectedResource) -> str:
    """The configured address of the metadata, or the path-inserted one (RFC 9728 section 3.1)."""
    identifier = resource.identifier
    return resource.metadata_url or f"{origin_of(identifier)}/.well-known/oauth-protected-resource{path_of(identifier)}"


def resource_http_client() -> SsrfSafeClient:
    """An HTTP client for configured addresses, which may be internal: no redirects, bounded size and time."""
    return SsrfSafeClient(allowed=_any_address)


async def compare_resources(http: SsrfSafeClient, resources: Sequence[ProtectedResource]) -> ScopeDifferences:
    """Fetch the metadata of all resources at once, and compare."""
    outcomes = await asyncio.gather(*(_compare(http, r) for r in resources), return_exceptions=True)
    different: dict[str, ScopeDifference] = {}
    not_compared: dict[str, str] = {}
    for resource, outcome in zip(resources, outcomes, strict=True):
        if isinstance(outcome, NotCompared):
            not_compared[resource.identifier] = str(outcome)
        elif isinstance(outcome, BaseException):
            raise outcome
        elif outcome:
            different[resource.identifier] = outcome
    return ScopeDifferences(different, not_compared)


async def _compare(http: SsrfSafeClient, resource: ProtectedResource) -> ScopeDifference:
    url = resource_metadata_url(resource)
    try:
        metadata = parse_json_object((await http.get(url, max_bytes=MAX_BYTES)).body)
    except (FetchFailed, BadJson) as exc:
        raise NotCompared(f"{url}: {exc}") from exc
    if metadata.get("resource") != resource.identifier:
        # RFC 9728 section 3.3: the document of another resource must not be used.
        raise NotCompared(f"{url} is the metadata of {metadata.get('resource')!r:.200}")
    issuer = {name: described.implies for name, described in resource.scopes.items()}
    published = unverified_published_scopes(metadata)
    if published is not None:
        return compare_scopes(resource=published, issuer=issuer)
    supported = metadata.get("scopes_supported")
    if not isinstance(supported, list):
        raise NotCompared(f"{url} names no scopes")
    # Another resource server: it may have more scopes than it names, and says nothing of what they imply.
    return ScopeDifference(unknown_to_issuer=tuple(s for s in scope_tokens(supported) if s not in issuer))


class ResourceScopeCheck:
    """Compares once after the start and then every few minutes. A background loop; never delays the start."""

    def __init__(
        self,
        resources: Sequence[ProtectedResource],
        *,
        http: SsrfSafeClient,
        registry: CollectorRegistry,
        log: structlog.typing.FilteringBoundLogger,
        enabled: bool = True,
    ) -> None:
        self._resources = resources
        self._http = http
        self._log = log
        self._enabled = enabled
        self._found = ScopeDifferences({}, {})
        self._failures: dict[str, int] = {}
        self._task: asyncio.Task[None] | None = None
        self._gauge = Gauge(
            "sallyport_scope_differences",
            "Scopes that a resource and its authorization server do not agree about.",
            ("resource",),
            registry=registry,
        )

    async def start(self, supervisor: TaskSupervisor) -> None:
        """Start the background loop."""
        if self._enabled:
            self._task = supervisor.start("resource_scope_check", self._check_periodically)

    async def stop(self) -> None:
        """Stop the background loop."""
        if self._task is not None:
            await end_tasks([self._task])
        await self._http.close()

    async def readiness(self) -> Readiness:
        """Always ready, as another replica has the same settings; the note says what differs."""
        return Readiness(ready=True, impaired=bool(self._found.different), note="; ".join(self._found.sentences()))

    async def check(self) -> bool:
        """Compare once. Returns whether every resource answered."""
        before, found = self._found, await compare_resources(self._http, self._resources)
        # What is not known now stays as it was.
        kept = {name: before.different[name] for name in found.not_compared if name in before.different}
        self._found = ScopeDifferences({**kept, **found.different}, found.not_compared)
        self._failures = {name: self._failures.get(name, 0) + 1 for name in found.not_compared}
        for name, reason in found.not_compared.items():
            if self._failures[name] == REPORTED_AFTER_FAILURES:
                self._log.info("resource_scopes_not_compared", resource=name, reason=reason[:500])
        for resource in self._resources:
            name = resource.identifier
            now, was = self._found.different.get(name), before.different.get(name)
            difference = now or ScopeDifference()
            self._gauge.labels(name).set(
                len({*difference.unknown_to_issuer, *difference.unknown_to_resource, *difference.implied_differently})
            )
            if now is not None and now != was:
                self._log.warning(
                    "resource_scopes_differ", resource=name, problems=list(now.sentences()), hint=runnable(FIX)
                )
            elif now is None and was is not None:
                self._log.info("resource_scopes_agree", resource=name)
        return not found.not_compared

    async def _check_periodically(self) -> None:
        pause = FIRST_SECONDS
        while True:
            await asyncio.sleep(pause)
            pause = LONGEST_SECONDS if await self.check() else min(2 * pause, LONGEST_SECONDS)


def _any_address(address: IPAddress) -> bool:
    del address
    return True
