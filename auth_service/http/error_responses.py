"""The one translator: how a refusal looks to a client, to a person, and through a redirect (invariant 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from auth_service.http.responses import NO_STORE, authorization_redirect
from auth_service.pages.views import ErrorView, UnknownClientView
from auth_service.protocol.errors import PageError, RedirectError, UnacceptableCimd, UnknownClient
from auth_service.protocol.redirect_uri import describe

if TYPE_CHECKING:
    from auth_service.pages.renderer import Pages
    from shared.errors import RequestRejected

_DOCUMENT_HINT: Final = "This is for the application to mend, or for whoever runs this service to permit."


class ErrorRenderer:
    """Renders every refusal of auth_service."""

    def __init__(self, *, issuer: str, pages: Pages, page_paths: frozenset[str]) -> None:
        """`page_paths` are the addresses that people visit: there, any refusal is a page."""
        self._issuer = issuer
        self._pages = pages
        self._page_paths = page_paths

    def __call__(self, request: web.Request, refusal: RequestRejected, request_id: str) -> web.StreamResponse:
        """The response to a refusal."""
        if isinstance(refusal, RedirectError):
            return self._redirect(refusal, request_id)
        if isinstance(refusal, PageError):
            return self._page(refusal.title, refusal, refusal.hint, request_id)
        if isinstance(refusal, UnacceptableCimd) and request.path in self._page_paths:
            return self._page("This application cannot be let in", refusal, _DOCUMENT_HINT, request_id)
        if request.path in self._page_paths and isinstance(refusal, UnknownClient):
            return self._pages.unknown_client(UnknownClientView(ended=refusal.tombstone, request_id=request_id))
        if request.path in self._page_paths:
            title = "Please try again in a moment" if refusal.status == 503 else "That did not work"
            return self._page(title, refusal, "", request_id)
        return self._json(refusal, request_id)

    def _redirect(self, refusal: RedirectError, request_id: str) -> web.Response:
        location = authorization_redirect(
            refusal.redirect_uri,
            issuer=self._issuer,
            state=refusal.state,
            parameters={"error": refusal.code, "error_description": f"{refusal.public} (request ID {request_id})"},
        )
        if not refusal.automatic:
            return self._pages.error(
                ErrorView(
                    title="The application asked for something impossible",
                    message=refusal.public,
                    hint="This is for the application to mend; there is nothing you did wrong.",
                    request_id=request_id,
                    status=refusal.status,
                    onward=location,
                    onward_host=describe(refusal.redirect_uri).host,
                )
            )
        return web.Response(status=303, headers={"Location": location, **NO_STORE, "Referrer-Policy": "no-referrer"})

    def _page(self, title: str, refusal: RequestRejected, hint: str, request_id: str) -> web.Response:
        response = self._pages.error(
            ErrorView(title=title, message=refusal.public, hint=hint, request_id=request_id, status=refusal.status)
        )
        response.headers.update(refusal.headers)
        return response

    def _json(self, refusal: RequestRejected, request_id: str) -> web.Response:
        body: dict[str, Any] = {
            "error": refusal.code,
            "error_description": refusal.public,
            "request_id": request_id,
        }
        return web.json_response(body, status=refusal.status, headers={**NO_STORE, **refusal.headers})
