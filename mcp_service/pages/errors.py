"""Which error a browser sees as a page: with the status and headers that a program gets, only the body is another.

A 401 at the resource stays a 401 with its challenge, so that a client that states the `Accept` of a browser still
learns where to sign in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_service.pages.browser_pages import BrowserPages
from shared.configured_url import path_of
from shared.http.static_page import StaticPage, opens_page

if TYPE_CHECKING:
    from aiohttp import web

    from shared.errors import RequestRejected
    from shared.http.request_middleware import Render


def pages_for_browsers(render: Render, *, name: str, resource: str) -> Render:
    """Make the function that renders errors: with `render`, unless the request is a browser's and has a page.

    `name` is the display name of the resource, `resource` its URL.
    """
    pages = BrowserPages.of(name, resource)
    resource_paths = frozenset({path_of(resource), f"{path_of(resource)}/"})

    def page_of(request: web.Request, error: RequestRejected) -> StaticPage | None:
        if error.status == 401 and request.path in resource_paths:
            return pages.server
        if error.status in {404, 405}:
            return pages.server if request.path == "/" else pages.not_found
        return None

    def render_for_browsers(request: web.Request, error: RequestRejected, request_id: str) -> web.StreamResponse:
        response = render(request, error, request_id)
        page = page_of(request, error) if opens_page(request) else None
        return response if page is None else page.in_place_of(response)

    return render_for_browsers
