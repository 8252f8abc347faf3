"""The buttons of the sign-in page that lead to identity providers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auth_service.authorization.provider_redirects import Beginning
from auth_service.federation.provider import ProviderUnavailable
from auth_service.protocol.errors import PageError, TooManyRequests
from auth_service.texts import message
from shared.http.request_middleware import LOG_FIELDS, REQUEST_ID

if TYPE_CHECKING:
    from aiohttp import web

    from auth_service.authorization.interaction import Interaction
    from auth_service.authorization.interaction_pages import InteractionPages
    from auth_service.authorization.provider_redirects import ProviderRedirects
    from auth_service.federation.identity_providers import IdentityProviders
    from auth_service.protocol.parameters import Parameters
    from auth_service.sessions.cookies import Browser


class ProviderButtons:
    """Handles a form that a button posted, after the check of its CSRF value."""

    def __init__(self, *, providers: IdentityProviders, redirects: ProviderRedirects, pages: InteractionPages) -> None:
        self._providers = providers
        self._redirects = redirects
        self._pages = pages

    async def press(
        self, request: web.Request, form: Parameters, browser: Browser, interaction: Interaction | None
    ) -> web.Response:
        """A page that navigates to the provider, or the sign-in page with a notice. Raises PageError, RequestTooLarge.

        Not a redirect: Chromium applies `form-action` to every redirect after a form, those of the provider among them
        (interop.md F6).
        """
        entry = self._providers.find(form.get("provider") or "")
        if entry is None:
            raise PageError(
                "no provider has the id in the form",
                error_id="sign_in_provider_known",
                title=message("Choose another way to sign in"),
                public=message("This one is no longer available here."),
                hint=message("Go back, reload the page and choose again."),
            )
        request[LOG_FIELDS]["provider"] = entry.id
        transaction = form.get("transaction") or ""
        beginning = Beginning(
            browser=browser,
            transaction=transaction,
            interaction=interaction,
            choose_account=form.get("choose") is not None,
        )
        try:
            return self._pages.to_provider(entry, await self._redirects.begin(request, entry, beginning))
        except TooManyRequests as exc:
            request[LOG_FIELDS].update(error_id=exc.error_id, reason=exc.reason)
            response = await self._pages.sign_in(
                browser, transaction, interaction, notice=exc.public, status=exc.status
            )
            response.headers.update(exc.headers)
            return response
        except ProviderUnavailable as exc:
            request[LOG_FIELDS].update(error_id=exc.error_id, reason=exc.reason)
            return await self._pages.provider_unavailable(
                browser, transaction, interaction, entry, exc, request_id=request[REQUEST_ID]
            )
