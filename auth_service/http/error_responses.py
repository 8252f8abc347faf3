"""The one place where an error becomes a response: as JSON, as a page or as a redirect (invariant 9)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from auth_service.http.messages import NO_STORE
from auth_service.http.urls import authorization_redirect
from auth_service.pages.views import ErrorView, UnknownClientView
from auth_service.protocol.errors import (
    OAuthError,
    PageError,
    RedirectError,
    TooManyRequests,
    UnacceptableCimd,
    UnknownClient,
)
from auth_service.protocol.redirect_uri import redirect_target
from auth_service.texts import message
from shared.http.static_page import StaticPage, opens_page

if TYPE_CHECKING:
    from auth_service.pages.renderer import Pages
    from auth_service.texts import Text
    from shared.errors import RequestRejected

_APP_FAULT: Final = message("This is a problem with the app")
_APP_HINT: Final = message("You did nothing wrong. If it happens again, tell the app's developer.")


class ErrorWithPage(OAuthError):
    """An error with a page of its own, rendered from the request ID, and status 403."""

    status = 403

    def __init__(
        self, reason: str, *, error_id: str, code: str, public: str, page: Callable[[str], web.Response]
    ) -> None:
        super().__init__(reason, error_id=error_id, code=code, public=public)
        self.page = page


class ErrorRenderer:
    """Renders every error of auth_service."""

    def __init__(self, *, issuer: str, pages: Pages, not_found: StaticPage, page_paths: frozenset[str]) -> None:
        """`page_paths` are the paths of pages, as their routes spell them: there, any error is a page.

        `not_found` is for a browser at an address that has no page.
        """
        self._issuer = issuer
        self._pages = pages
        self._not_found = not_found
        self._page_paths = page_paths

    def __call__(self, request: web.Request, error: RequestRejected, request_id: str) -> web.StreamResponse:
        """The response to an error."""
        if isinstance(error, ErrorWithPage):
            return error.page(request_id)
        if isinstance(error, RedirectError):
            return self._redirect(error, request_id)
        if isinstance(error, PageError):
            return self._page(error, request_id, error.title, error.public, error.hint, detail=error.detail)
        if self._is_page(request):
            return self._shown(error, request_id)
        answer = self._json(error, request_id)
        is_wrong_address = error.status in {404, 405} and opens_page(request)
        return self._not_found.in_place_of(answer) if is_wrong_address else answer

    def _shown(self, error: RequestRejected, request_id: str) -> web.Response:
        if isinstance(error, UnacceptableCimd):
            error.status = 400  # 401 is for clients at the token endpoint
            return self._page(
                error,
                request_id,
                message("This app can't connect here"),
                message("The details that the app published about itself aren't accepted here."),
                message("You did nothing wrong. Tell the app's developer, or ask your administrator to allow the app."),
                detail=error.public,
            )
        if isinstance(error, UnknownClient):
            return self._pages.unknown_client(UnknownClientView(ended=error.tombstone, request_id=request_id))
        if isinstance(error, TooManyRequests):
            return self._page(error, request_id, message("Please wait a moment"), error.public)
        if error.status == 503:
            text = message("The problem is on our side. Please try again in a moment.")
            return self._page(error, request_id, message("Something went wrong"), text)
        text = message("Go back and try again.")
        return self._page(error, request_id, message("That didn't work"), text, detail=error.public)

    def _is_page(self, request: web.Request) -> bool:
        resource = request.match_info.route.resource
        return request.path in self._page_paths or (resource is not None and resource.canonical in self._page_paths)

    def _redirect(self, error: RedirectError, request_id: str) -> web.Response:
        location = authorization_redirect(
            error.redirect_uri,
            issuer=self._issuer,
            state=error.state,
            parameters={"error": error.code, "error_description": f"{error.public} (request ID {request_id})"},
        )
        if not error.automatic:
            return self._pages.error(
                ErrorView(
                    title=_APP_FAULT,
                    message=message("The app asked for something that doesn't work here."),
                    hint=_APP_HINT,
                    detail=error.public,
                    request_id=request_id,
                    status=error.status,
                    onward=location,
                    onward_host=redirect_target(error.redirect_uri).host,
                )
            )
        return web.Response(status=303, headers={"Location": location, **NO_STORE, "Referrer-Policy": "no-referrer"})

    def _page(
        self,
        error: RequestRejected,
        request_id: str,
        title: Text,
        text: Text,
        hint: Text | None = None,
        *,
        detail: str = "",
    ) -> web.Response:
        response = self._pages.error(
            ErrorView(title=title, message=text, hint=hint, detail=detail, request_id=request_id, status=error.status)
        )
        response.headers.update(error.headers)
        return response

    def _json(self, error: RequestRejected, request_id: str) -> web.Response:
        body: dict[str, Any] = {
            "error": error.code,
            "error_description": error.public,
            "request_id": request_id,
        }
        return web.json_response(body, status=error.status, headers={**NO_STORE, **error.headers})
