"""Finds requirements of scopes and claims that no identity provider can meet. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from auth_service.federation.provider_capabilities import (
    ADDRESS,
    MEMBERSHIPS,
    ORGANISATION_DOMAIN,
    claim,
    named_in,
    obstacle,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auth_service.federation.configuration import ProviderConfiguration
    from auth_service.resources.catalogue import ProtectedResource

_OF_THE_ACCOUNT: Final = frozenset(["name", "preferred_username"])


def unmet_requirements(
    resources: Sequence[ProtectedResource], providers: Sequence[ProviderConfiguration], *, passwords: bool
) -> list[str]:
    """The unmet requirements in sentences for the operator, each with the id of its entry or resource and a remedy.

    `passwords`: whether users can sign in with one; the account of such a user can have an address.
    """
    return [*_of_providers(providers), *_of_resources(resources, providers, passwords=passwords)]


def _of_providers(providers: Sequence[ProviderConfiguration]) -> Iterator[str]:
    for entry in providers:
        for rule, conditions in (("allow", entry.allow), ("deny", entry.deny)):
            for kind, name in named_in(conditions):
                reason = obstacle(entry, kind)
                if reason is not None:
                    yield f"{entry.id}: {rule} names {name}, which never matches: {reason}."


def _of_resources(
    resources: Sequence[ProtectedResource], providers: Sequence[ProviderConfiguration], *, passwords: bool
) -> Iterator[str]:
    for resource in resources:
        for scope, described in resource.scopes.items():
            if described.requires is None:
                continue
            where = f"{resource.identifier}: {scope} requires"
            if not providers:
                yield f"{where} an identity, and no identity provider is configured: no user can have the scope."
                continue
            for kind, name in named_in(described.requires):
                yield from _unless_stated(f"{where} {name}", kind, providers)
        for name in resource.claims:
            if name not in _OF_THE_ACCOUNT and not (name == ADDRESS and passwords):
                kind = name if name in {*MEMBERSHIPS, ADDRESS, ORGANISATION_DOMAIN} else claim(name)
                yield from _unless_stated(f"{resource.identifier}: claims names {name!r}", kind, providers)


def _unless_stated(what: str, kind: str, providers: Sequence[ProviderConfiguration]) -> Iterator[str]:
    reasons = {entry.id: obstacle(entry, kind) for entry in providers}
    if None not in reasons.values():
        told = "; ".join(f"{entry}: {reason}" for entry, reason in reasons.items())
        yield f"{what}, which no identity provider states{f' ({told})' if told else ''}."
