"""Reads the response of a provider and consumes the sign-in that it belongs to. It signs no user in.

The response is unverified; what is checked here is that it belongs to a sign-in that this browser began at this
provider. Then the sign-in is consumed, by one caller, before anything is asked of the provider (invariant 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from auth_service.authorization.interaction import expired
from auth_service.authorization.provider_redirects import LINK_MAX_AGE
from auth_service.federation.pending_repository import MAX_RESPONSE_BYTES
from auth_service.federation.provider import Purpose
from auth_service.http.messages import read_body, read_form
from auth_service.protocol.errors import InvalidRequest, PageError
from auth_service.protocol.parameters import parse_urlencoded
from auth_service.texts import message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from auth_service.authorization.interaction import Interaction
    from auth_service.authorization.interaction_service import InteractionService
    from auth_service.federation.identity_providers import ConfiguredProvider, IdentityProviders
    from auth_service.federation.metrics import ProviderMetrics
    from auth_service.federation.pending_repository import PendingSignInRepository
    from auth_service.federation.provider import PendingSignIn
    from auth_service.http.urls import Urls
    from auth_service.sessions.cookies import Browser
    from auth_service.sessions.manager import SessionManager


@dataclass(frozen=True, slots=True)
class CallbackResponse:
    """A response that belongs to a sign-in of this browser, which it has consumed. The parameters are unverified."""

    entry: ConfiguredProvider
    parameters: Mapping[str, str]
    pending: PendingSignIn
    interaction: Interaction | None
    """The interaction to continue; None for the account page."""


class ProviderCallback:
    """Every method raises PageError and RedisUnavailable."""

    def __init__(
        self,
        *,
        urls: Urls,
        providers: IdentityProviders,
        pending: PendingSignInRepository,
        interactions: InteractionService,
        sessions: SessionManager,
        metrics: ProviderMetrics,
    ) -> None:
        self._urls = urls
        self._providers = providers
        self._pending = pending
        self._interactions = interactions
        self._sessions = sessions
        self._metrics = metrics

    async def accept(self, request: web.Request, browser: Browser) -> CallbackResponse:
        """The response of a GET. Raises InvalidRequest too."""
        entry = self._addressed(request)
        parameters = await self._parameters(request, entry)
        pending = await self._find(entry, parameters)
        if pending.provider != entry.id:
            raise self._stale(entry, "the sign-in was begun at another provider", error_id="sign_in_provider")
        if pending.browser_hash != browser.secret_hash:
            error = self._stale(entry, "the sign-in was begun in another browser", error_id="sign_in_browser")
            if browser.is_new:
                error.hint = message(
                    "Your browser didn't send a cookie. Allow cookies for this site, then connect again."
                )
            raise error
        if pending.purpose is Purpose.LINK and not await self._may_link(request, pending):
            raise self._stale(
                entry, "linking needs the session, no older, of the user who began", error_id="sign_in_link"
            )
        interaction = None
        if pending.transaction:
            interaction = await self._interactions.find(browser, pending.transaction)
        if not await self._pending.consume(pending):
            raise self._stale(entry, "the response was used before", error_id="sign_in_known")
        return CallbackResponse(entry, parameters, pending, interaction)

    async def keep(self, request: web.Request) -> str:
        """Keep the response of a POST. Returns the address at which the browser continues by GET.

        A form of another site carries no SameSite=Lax cookie, so that the browser is known only after the redirect; and
        no CSRF value, because the page that posts is the provider's: `state` bounds what is stored, and the browser
        and everything else is checked by the GET. Raises InvalidRequest too.
        """
        entry = self._addressed(request)
        if not entry.posts_response:
            raise PageError(
                "the provider does not post its responses",
                error_id="sign_in_method",
                title=message("That didn't work"),
                public=message("The sign-in service sent an answer that we can't use."),
                hint=message("Go back and sign in again."),
                status=405,
            )
        parameters = (await read_form(request)).single_values()
        size = len(await read_body(request))
        if size > MAX_RESPONSE_BYTES:
            raise InvalidRequest(f"the response has {size} bytes", error_id="sign_in_response_size")
        parameters.pop("response", None)
        # A field of that name would stand in for the header, which the page cannot choose.
        parameters["origin"] = request.headers.get("Origin", "")[:500]
        handle = await self._pending.keep_response(parameters.get("state", ""), parameters)
        if handle is None:
            raise self._stale(entry, "no such sign-in, or it expired", error_id="sign_in_known")
        return f"{self._urls.callback(entry.id)}?{urlencode({'response': handle})}"

    async def _may_link(self, request: web.Request, pending: PendingSignIn) -> bool:
        session = await self._sessions.current(request)
        return (
            session is not None
            and session.subject == pending.subject
            and session.authenticated_at >= pending.started_at - LINK_MAX_AGE
        )

    def _addressed(self, request: web.Request) -> ConfiguredProvider:
        entry = self._providers.find(request.match_info["provider"])
        if entry is None:
            raise PageError(
                "no provider has the id in the address",
                error_id="sign_in_provider_known",
                title=message("Page not found"),
                public=message("There is no such way to sign in."),
                hint=message("Start again from your app."),
                status=404,
            )
        return entry

    async def _parameters(self, request: web.Request, entry: ConfiguredProvider) -> dict[str, str]:
        parameters = parse_urlencoded(request.raw_path.partition("?")[2]).single_values()
        handle = parameters.get("response")
        if handle is not None and entry.posts_response:
            kept = await self._pending.find_response(handle)
            if kept is None:
                raise self._stale(entry, "no response is kept under this handle", error_id="sign_in_known")
            return kept
        if not entry.accepts_query:
            raise self._stale(entry, "the response was not posted", error_id="sign_in_method")
        parameters.pop("origin", None)
        return parameters

    async def _find(self, entry: ConfiguredProvider, parameters: Mapping[str, str]) -> PendingSignIn:
        state = parameters.get("state")
        pending = await self._pending.find(state) if state else None
        if pending is None:
            raise self._stale(entry, "no such sign-in, or it expired or was used", error_id="sign_in_known")
        return pending

    def _stale(self, entry: ConfiguredProvider, reason: str, *, error_id: str) -> PageError:
        self._metrics.count(entry.id, "stale")
        return expired(reason, error_id=error_id)
