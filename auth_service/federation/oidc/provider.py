"""The IdentityProvider of an OpenID provider."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from auth_service.federation.oidc.authorization import ExpectedResponse, authorization_url, read_authorization_response
from auth_service.federation.oidc.client_authentication import ClientAuthentication
from auth_service.federation.oidc.diagnosis import diagnose
from auth_service.federation.oidc.discovery import Discovery
from auth_service.federation.oidc.id_token import ExpectedIdToken, verify_id_token
from auth_service.federation.oidc.identity_mapping import map_identity
from auth_service.federation.oidc.presets import profile_of
from auth_service.federation.oidc.token_request import TokenClient
from auth_service.federation.oidc.userinfo import fetch_userinfo
from auth_service.federation.provider import ClientRejected, ProviderDiagnosis, ProviderUnavailable
from auth_service.federation.provider_jwks_cache import COOLDOWN_SECONDS

if TYPE_CHECKING:
    from typing import Any

    from auth_service.federation.configuration import OidcProvider
    from auth_service.federation.http import ProviderHttp
    from auth_service.federation.identity import Identity
    from auth_service.federation.oidc.metadata import ProviderMetadata
    from auth_service.federation.provider import AuthorizationUrlRequest, PendingSignIn
    from auth_service.federation.provider_keys import ProviderKey

T = TypeVar("T")


class OidcIdentityProvider:
    """Signs users in at an OpenID provider: code flow with PKCE and nonce, ID token validated in full."""

    def __init__(
        self,
        configuration: OidcProvider,
        *,
        redirect_uri: str,
        fetch: ProviderHttp,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        """`clock` gives seconds since 1970, `monotonic` seconds that never go back."""
        self._entry = configuration
        self._profile = profile_of(configuration)
        self._redirect_uri = redirect_uri
        self._http = fetch
        self._clock = clock
        self._monotonic = monotonic
        self._authentication = ClientAuthentication(configuration, self._profile)
        self._tokens = TokenClient(self._authentication, redirect_uri=redirect_uri, fetch=fetch)
        self._discovery = Discovery(
            self._profile,
            algorithms=frozenset(configuration.id_token_algorithms),
            fetch=fetch,
            monotonic=monotonic,
        )
        self._unavailable_until = float("-inf")
        self._rejects_client = False

    @property
    def id(self) -> str:
        return self._entry.id

    @property
    def display_name(self) -> str:
        return self._entry.display_name

    @property
    def is_available(self) -> bool:
        return self._monotonic() >= self._unavailable_until

    @property
    def rejects_client(self) -> bool:
        return self._rejects_client and not self.is_available

    async def issuer(self) -> str:
        return self._profile.issuer

    async def authorization_url(self, pending: PendingSignIn, request: AuthorizationUrlRequest) -> str:
        return authorization_url(
            self._entry,
            self._profile,
            await self._watched(self._discovery.metadata()),
            redirect_uri=self._redirect_uri,
            pending=pending,
            request=request,
        )

    async def identify(self, pending: PendingSignIn, parameters: Mapping[str, str]) -> Identity:
        identity = await self._watched(self._identify(pending, parameters))
        # Only here: an authorization request may be made of metadata in memory, without the provider.
        self._unavailable_until = float("-inf")
        return identity

    async def diagnose(self) -> ProviderDiagnosis:
        """The faults of the entry of this provider that show without a sign-in."""
        return await diagnose(self._entry, self._profile, self._authentication, self._http)

    async def close(self) -> None:
        await self._discovery.close()

    async def _identify(self, pending: PendingSignIn, parameters: Mapping[str, str]) -> Identity:
        metadata = await self._discovery.metadata()
        code = read_authorization_response(
            parameters, ExpectedResponse(self._entry.id, self._profile, metadata.sends_issuer, pending)
        )
        tokens = await self._tokens.exchange(
            metadata, code=code, code_verifier=pending.code_verifier, now=self._clock()
        )
        now = self._clock()
        expected = ExpectedIdToken(
            profile=self._profile,
            client_id=self._entry.client_id,
            algorithms=self._entry.id_token_algorithms,
            nonce=pending.nonce,
            access_token=tokens.access_token,
            started_at=pending.started_at,
            max_age=pending.max_age,
            now=now,
        )

        async def find_keys(algorithm: str, kid: str | None, *, refetch: bool) -> list[ProviderKey]:
            uri = metadata.jwks_uri
            return await self._discovery.keys.candidates(uri, algorithm=algorithm, kid=kid, refetch=refetch)

        claims = await verify_id_token(tokens.id_token, expected, find_keys=find_keys)
        userinfo = await self._userinfo(metadata, access_token=tokens.access_token, subject=str(claims.get("sub")))
        return map_identity(self._entry.id, self._profile, claims, userinfo, now=now)

    async def _userinfo(self, metadata: ProviderMetadata, *, access_token: str, subject: str) -> dict[str, Any]:
        if not self._profile.userinfo:
            return {}
        if metadata.userinfo_endpoint is None:
            raise ProviderUnavailable("the provider has no userinfo endpoint", error_id="provider_userinfo")
        return await fetch_userinfo(
            metadata.userinfo_endpoint, access_token=access_token, subject=subject, fetch=self._http
        )

    async def _watched(self, work: Awaitable[T]) -> T:
        """Await the result; remember a failure of the provider for a while, for the sign-in page."""
        try:
            return await work
        except ProviderUnavailable as exc:
            self._rejects_client = isinstance(exc, ClientRejected)
            self._unavailable_until = self._monotonic() + COOLDOWN_SECONDS
            raise
