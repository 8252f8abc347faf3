"""Exempts a first refresh from the rate limits by network and client (interop.md F25).

A hosted client refreshes for hundreds of users from one address, and drops the tokens that get 429. Beyond a limit, the
first request with a refresh token of this server passes, once per grant and reuse interval. The MAC decides, so that
Redis is not asked, and the form that is read has at most 16 kB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from auth_service.grants.refresh_token_format import NotARefreshToken, RefreshTokenFormat
from auth_service.http.messages import read_form
from auth_service.protocol.errors import OAuthError
from shared.rates import InMemoryRateLimiter, Rate

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

    from auth_service.protocol.parameters import Parameters

MAX_FORM_BYTES: Final = 16_384
MAX_GRANTS: Final = 100_000
"""The number of grants that are remembered, about 20 MB. Beyond it the oldest may pass again."""


class RateLimitExemption:
    """Decides which requests beyond a limit pass. It remembers them: one object per process."""

    def __init__(
        self, *, refresh_tokens: RefreshTokenFormat, reuse_interval_seconds: int, monotonic: Callable[[], float]
    ) -> None:
        self._refresh_tokens = refresh_tokens
        self._rate = Rate(1, max(1, reuse_interval_seconds), burst=1)
        self._monotonic = monotonic
        self._used = InMemoryRateLimiter(max_keys=MAX_GRANTS)

    async def admits(self, request: web.Request) -> bool:
        """Whether this request to the token endpoint passes. Its body can be read again."""
        if request.content_length is None or request.content_length > MAX_FORM_BYTES:
            return False
        try:
            return self.admits_form(await read_form(request))
        except OAuthError:
            return False

    def admits_form(self, form: Parameters) -> bool:
        """Whether a request with this form passes; True once per grant and reuse interval."""
        unverified_token = form.get("refresh_token")
        if unverified_token is None or form.get("grant_type") != "refresh_token":
            return False
        try:
            grant_id = self._refresh_tokens.read(unverified_token).grant_id
        except NotARefreshToken:
            return False
        return self._used.hit(grant_id, self._rate, now_ms=int(self._monotonic() * 1000)).allowed
