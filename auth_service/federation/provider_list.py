"""Reads `AUTH_IDENTITY_PROVIDERS`: a JSON list, one entry for each identity provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import AfterValidator, TypeAdapter, ValidationError

from auth_service.federation.configuration import (
    PROVIDER_ID,
    ExternalProvider,
    GitHubProvider,
    OidcProvider,
    ProviderConfiguration,
)
from auth_service.federation.oidc.entry_rules import check_entry

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_KINDS: Final = OidcProvider | GitHubProvider | ExternalProvider


def _checked(entry: ProviderConfiguration) -> ProviderConfiguration:
    if isinstance(entry, OidcProvider):
        check_entry(entry)
    return entry


_ENTRY: Final = TypeAdapter[ProviderConfiguration](Annotated[ProviderConfiguration, AfterValidator(_checked)])


def parse_providers(value: Any) -> tuple[ProviderConfiguration, ...]:
    """Check the list. Raises ValueError, which names the position and the id of an entry and the violated rule.

    No input is repeated but the id and what a rule says of its own field: an entry holds secrets.
    """
    if not isinstance(value, list | tuple) or not all(isinstance(entry, dict | _KINDS) for entry in value):
        raise ValueError("must be a JSON list of objects")
    problems: list[str] = []
    parsed: list[ProviderConfiguration] = []
    for position, entry in enumerate(value, start=1):
        try:
            parsed.append(_ENTRY.validate_python(entry))
        except ValidationError as exc:
            identifier = entry.get("id") if isinstance(entry, dict) else None
            name = f" ({identifier})" if isinstance(identifier, str) and PROVIDER_ID.fullmatch(identifier) else ""
            problems += [f"entry {position}{name}: {_problem(error)}" for error in exc.errors(include_input=False)]
    if problems:
        raise ValueError("; ".join(problems))
    ids = [entry.id for entry in parsed]
    repeated = sorted({identifier for identifier in ids if ids.count(identifier) > 1})
    if repeated:
        raise ValueError(f"two entries have the id {repeated[0]!r}")
    return tuple(parsed)


def _problem(error: ErrorDetails) -> str:
    # The first part of a location is the kind, by which the model was chosen.
    where = ".".join(str(part) for part in error["loc"] if part not in {"oidc", "github", "external"})
    message = error["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if where else message
