"""Cost of an identity: bytes of its grant and its statement, and a refresh that reviews it, against one without.

Two real services with the same configuration: a provider with rules on groups, a scope that requires one. The grants of
both are made with a password; those of one are then given an identity that the store knows. No provider is asked.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from auth_service.federation.identity import Identity
from auth_service.federation.known_identity import KnownIdentity
from auth_service.grants.record import Position
from devstack.local_settings import notes_resource
from tests.benchmarks.bench_size import Service
from tests.benchmarks.harness import in_turns

if TYPE_CHECKING:
    from shared.redis.single import SingleRedisClient
    from tests.benchmarks.harness import Report

GROUPS: Final = tuple(f"00000000-0000-4000-8000-{number:012d}" for number in range(20))
"""As many as a user of a larger organisation has, by id."""
ROUNDS, REFRESHES = 9, 100


def settings() -> dict[str, str]:
    """Of both services."""
    provider = {
        "id": "corp",
        "kind": "oidc",
        "display_name": "Corp",
        "issuer": "https://idp.example",
        "client_id": "client",
        "client_secret": "secret",
        "groups_claim": "groups",
        "allow": {"groups": [GROUPS[-1]], "domains": ["example.org"]},
        "deny": {"groups": ["guests"]},
    }
    resource = notes_resource("http://localhost:9/mcp")
    write = resource["scopes"]["notes:write"] | {"requires": {"groups": [GROUPS[0]]}}
    scopes = resource["scopes"] | {"notes:write": write}
    return {
        "AUTH_IDENTITY_PROVIDERS": json.dumps([provider]),
        "AUTH_RESOURCES": json.dumps([resource | {"scopes": scopes}]),
    }


async def run(report: Report) -> None:
    """Refreshes with and without an identity, in turns."""
    count = max(10, round(REFRESHES * report.seconds))
    async with Service(own=settings()) as with_identity, Service(own=settings()) as without:
        statement, record = await give_identity(with_identity)
        await with_identity.refresh(count)
        await without.refresh(count)
        cost = await in_turns(
            lambda: with_identity.processor_time(count), lambda: without.processor_time(count), rounds=ROUNDS
        )
        latency = await in_turns(lambda: with_identity.latency(count), lambda: without.latency(count), rounds=ROUNDS)
    report.add("the identity in the record of a grant", record, unit="bytes")
    report.add(f"what is stored of an identity with {len(GROUPS)} groups, once per account", statement, unit="bytes")
    report.add(
        "a refresh that reviews an identity, against one without",
        cost.ratios,
        detail=f"{cost.subject * 1e6:,.0f} against {cost.yardstick * 1e6:,.0f} µs of both processes' time",
    )
    report.add(
        "their median latency, likewise",
        latency.ratios,
        detail=f"{latency.subject * 1000:.2f} against {latency.yardstick * 1000:.2f} ms",
    )


async def give_identity(service: Service) -> tuple[int, float]:
    """Let all grants of the service have begun with one identity; the bytes of its statement, and those per grant."""
    identity = Identity(
        "corp",
        "https://idp.example",
        "00000000-0000-4000-8000-000000000000",
        authenticated_at=0,
        email="ada@example.org",
        email_verified=True,
        name="Ada Lovelace",
        groups=GROUPS,
    )
    statement = KnownIdentity(identity, linked_at=0, signed_in_at=0).to_json()
    before = await _used_bytes(service.store, service.grants)
    for key in service.grants:
        record = json.loads(await service.store.command("GET", key))
        subject = record[Position.SUBJECT - 1]
        record[Position.IDENTITY - 1] = identity.key
        await service.store.command("SET", key, json.dumps(record, separators=(",", ":")), "KEEPTTL")
        await service.store.command("HSET", f"sp:{{users}}:identity:{subject}", identity.key, statement)
    after = await _used_bytes(service.store, service.grants)
    return len(statement), (after - before) / len(service.grants)


async def _used_bytes(store: SingleRedisClient, keys: list[str]) -> int:
    return sum([await store.command("MEMORY", "USAGE", key) for key in keys])
