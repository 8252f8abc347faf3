"""The configured identity providers, in their order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auth_service.federation.configuration import ExternalProvider, OidcProvider

if TYPE_CHECKING:
    from auth_service.federation.configuration import ProviderConfiguration
    from auth_service.federation.provider import IdentityProvider


@dataclass(frozen=True, slots=True)
class ConfiguredProvider:
    """A provider, and its entry in the configuration."""

    configuration: ProviderConfiguration
    provider: IdentityProvider

    @property
    def id(self) -> str:
        """The id of the entry."""
        return self.configuration.id

    @property
    def display_name(self) -> str:
        """The name on the button."""
        return self.configuration.display_name

    @property
    def posts_response(self) -> bool:
        """Whether the response arrives as a form that the browser posts from another site."""
        entry = self.configuration
        return isinstance(entry, ExternalProvider) or (
            isinstance(entry, OidcProvider) and entry.response_mode == "form_post"
        )

    @property
    def accepts_query(self) -> bool:
        """Whether a response may arrive in the query. An assertion may not: browsers and proxies keep queries."""
        return not isinstance(self.configuration, ExternalProvider)


@dataclass(frozen=True, slots=True)
class IdentityProviders:
    """All providers, in the order of the configuration, and whether users may sign in with a password too."""

    entries: tuple[ConfiguredProvider, ...] = ()
    passwords: bool = True

    def find(self, unverified_id: str) -> ConfiguredProvider | None:
        """The provider with this id."""
        return next((entry for entry in self.entries if entry.id == unverified_id), None)

    def ordered(self, last_used: str) -> tuple[ConfiguredProvider, ...]:
        """The provider with the id `last_used` first, the others in the order of the configuration."""
        return tuple(sorted(self.entries, key=lambda entry: entry.id != last_used))

    @property
    def only(self) -> ConfiguredProvider | None:
        """The provider that is the only way to sign in; None if there is another way."""
        return self.entries[0] if len(self.entries) == 1 and not self.passwords else None

    async def close(self) -> None:
        """Cancel the fetches of all providers."""
        for entry in self.entries:
            await entry.provider.close()
