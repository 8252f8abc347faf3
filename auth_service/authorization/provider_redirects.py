"""Begins a sign-in at an identity provider: stores it, bound to one browser, and says where to send the browser.

`state` carries its purpose and its browser in the stored record, so that a response counts for one request only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from auth_service.federation.pending_repository import MAX_BYTES, MAX_UNASKED_BYTES
from auth_service.federation.provider import AuthorizationUrlRequest, PendingSignIn, ProviderUnavailable, Purpose
from auth_service.protocol.errors import InvalidRequest
from auth_service.protocol.opaque import new_secret
from shared.http.client_address import CLIENT_ADDRESS
from shared.http.request_middleware import REQUEST_ID

if TYPE_CHECKING:
    from aiohttp import web

    from auth_service.authorization.interaction import Interaction
    from auth_service.federation.identity_providers import ConfiguredProvider
    from auth_service.federation.metrics import ProviderMetrics
    from auth_service.federation.pending_repository import PendingSignInRepository
    from auth_service.rate_limits.limits import RateLimits
    from auth_service.sessions.cookies import Browser
    from shared.http.request_middleware import OnError

LINK_MAX_AGE: Final = 300
"""Linking requires an authentication here and at the provider within this many seconds (invariant 13)."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """The request or the account for which a sign-in at a provider begins."""

    browser: Browser
    purpose: Purpose = Purpose.SIGN_IN
    transaction: str = ""
    interaction: Interaction | None = None
    """The interaction of the transaction; None for the account page."""
    subject: str = ""
    """The subject of the user to link; empty for a sign-in."""
    choose_account: bool = False
    """The user wants another account than the one that the provider remembers."""
    asked: bool = True
    """Whether the user pressed a button. Without one, less is stored, and under a limit of its own."""


class RequestTooLarge(InvalidRequest):
    """The authorization request is larger than what is stored while the browser is at a provider."""

    public = "The request of the application is too large for signing in through this service."


class ProviderRedirects:
    """Used by the sign-in page, the authorization endpoint and the account page."""

    def __init__(
        self,
        *,
        pending: PendingSignInRepository,
        limits: RateLimits,
        metrics: ProviderMetrics,
        identity_max_age: int | None,
        on_error: OnError,
        clock: Callable[[], float],
    ) -> None:
        """`identity_max_age`: the seconds for which a sign-in through a provider counts; None is for ever.

        `on_error` records why a provider is unavailable, which the page does not tell.
        """
        self._pending = pending
        self._limits = limits
        self._metrics = metrics
        self._identity_max_age = identity_max_age
        self._on_error = on_error
        self._clock = clock

    async def begin(self, request: web.Request, entry: ConfiguredProvider, beginning: Beginning) -> str:
        """The address of the provider to which this browser is sent.

        Raises TooManyRequests, ProviderUnavailable, RequestTooLarge, RedisUnavailable; nothing is stored then.
        """
        address, provider = request[CLIENT_ADDRESS], entry.provider
        request_of_client = beginning.interaction.request if beginning.interaction else None
        # Any site can lead a browser to an authorization request: that must not use up the user's share.
        known_user = beginning.browser.known_user if beginning.asked else ""
        await self._limits.check_provider_sign_in(address, known_user=known_user)
        max_age = self._max_age(beginning)
        try:
            pending = PendingSignIn(
                state=new_secret(),
                provider=entry.id,
                issuer=await provider.issuer(),
                purpose=beginning.purpose,
                browser_hash=beginning.browser.secret_hash,
                transaction=beginning.transaction,
                subject=beginning.subject,
                nonce=new_secret(),
                code_verifier=new_secret(),
                started_at=self._clock(),
                max_age=max_age,
            )
            location = await provider.authorization_url(
                pending,
                AuthorizationUrlRequest(
                    login_hint=(request_of_client.login_hint if request_of_client else None) or "",
                    force_reauthentication=max_age == 0 or beginning.choose_account,
                ),
            )
        except ProviderUnavailable as exc:
            self._metrics.count(entry.id, "unavailable")
            self._on_error(request, exc, request[REQUEST_ID])
            raise
        limit = MAX_BYTES if beginning.asked else MAX_UNASKED_BYTES
        record = self._pending.encrypt(pending)
        if len(record) > limit:
            raise RequestTooLarge(f"the sign-in at {entry.id} has more than {limit} bytes", error_id="sign_in_size")
        # Last: what is not stored must not keep others from signing in.
        await self._limits.check_provider_sign_ins(address, asked=beginning.asked, known_user=known_user)
        await self._pending.store(pending.state, record)
        self._metrics.count(entry.id, "begun")
        return location

    def _max_age(self, beginning: Beginning) -> int | None:
        """The greatest age of the user's authentication at the provider, in seconds before the request."""
        ages = [self._identity_max_age]
        if beginning.interaction is not None:
            ages.append(beginning.interaction.request.max_age)
        if beginning.purpose is Purpose.LINK:
            ages.append(LINK_MAX_AGE)
        return min((age for age in ages if age is not None), default=None)
