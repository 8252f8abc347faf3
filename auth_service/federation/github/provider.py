"""One GitHub provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from auth_service.federation.configuration import GitHubProvider
    from auth_service.federation.http import ProviderHttp
    from auth_service.federation.identity import Identity
    from auth_service.federation.provider import AuthorizationUrlRequest, PendingSignIn


class GitHubIdentityProvider:
    """Signs users in at GitHub."""

    def __init__(
        self,
        configuration: GitHubProvider,
        *,
        redirect_uri: str,
        fetch: ProviderHttp,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        """`clock` gives seconds since 1970, `monotonic` seconds that never go back."""
        self._configuration = configuration
        self._redirect_uri = redirect_uri
        self._fetch = fetch
        self._clock = clock
        self._monotonic = monotonic

    @property
    def id(self) -> str:
        return self._configuration.id

    @property
    def display_name(self) -> str:
        return self._configuration.display_name

    @property
    def is_available(self) -> bool:
        return True

    async def issuer(self) -> str:
        raise NotImplementedError

    async def authorization_url(self, pending: PendingSignIn, request: AuthorizationUrlRequest) -> str:
        raise NotImplementedError

    async def identify(self, pending: PendingSignIn, parameters: Mapping[str, str]) -> Identity:
        raise NotImplementedError

    async def describe_problems(self) -> list[str]:
        """What is wrong with the configuration of this provider, in sentences for the operator; empty if nothing is."""
        raise NotImplementedError

    async def close(self) -> None:
        """Cancel fetches in progress."""
