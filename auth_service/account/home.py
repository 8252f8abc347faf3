"""GET of the issuer's own URL, which a user may enter in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from auth_service.http.messages import NO_STORE
from shared.http.static_page import StaticPage, opens_page

if TYPE_CHECKING:
    from auth_service.http.urls import Urls


class HomeEndpoint:
    """Says to a browser what this service is; a program is redirected to the account page."""

    def __init__(self, *, page: StaticPage, urls: Urls) -> None:
        self._page = page
        self._account = urls.account

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET."""
        if opens_page(request):
            return self._page.response()
        return web.Response(status=303, headers={"Location": self._account, **NO_STORE})
