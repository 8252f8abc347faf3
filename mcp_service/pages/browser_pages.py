"""The pages for browsers, made once from the settings, and the errors that they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from importlib import resources
from string import Template
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mcp_service.pages.client_setup import client_setups, is_public_address
from shared.configured_url import is_loopback_host, path_of
from shared.http.page_headers import security_headers
from shared.http.static_page import StaticPage, opens_page

if TYPE_CHECKING:
    from aiohttp import web

    from mcp_service.pages.client_setup import ClientSetup
    from shared.errors import RequestRejected
    from shared.http.request_middleware import Render


@dataclass(frozen=True, slots=True)
class ServicePages:
    """The page of the server itself, and the page for an address that does not exist."""

    server: StaticPage
    not_found: StaticPage

    @classmethod
    def of(cls, name: str, resource: str) -> ServicePages:
        """The pages for the display name and the URL of the resource."""
        return cls(
            server=_page(name, _server(name, resource)),
            not_found=_page("Page not found", _not_found(name, resource)),
        )


def pages_for_browsers(render: Render, *, name: str, resource: str) -> Render:
    """Make the function that renders errors: with `render`, unless the request is a browser's and has a page.

    The page has the status and headers that a program gets, only the body is another. A 401 at the resource stays a
    401 with its challenge, so that a client that states the `Accept` of a browser still learns where to sign in.

    `name` is the display name of the resource, `resource` its URL.
    """
    pages = ServicePages.of(name, resource)
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


def _server(name: str, resource: str) -> str:
    setups = "\n".join(_setup(setup) for setup in client_setups(name=name, resource=resource))
    others = "<h2>Any other client</h2>\n<p>Enter the address. The client finds out the rest.</p>"
    return "\n".join(
        (
            f"<h1>{escape(name)}</h1>",
            "<p>This is an MCP server. Add this address to your AI app or editor:</p>",
            _copied(resource, kind="copied address"),
            '<p class="soft">The app then opens a page where you sign in and decide what it may do.</p>',
            setups,
            others,
            _limits(resource),
        )
    )


def _limits(resource: str) -> str:
    """The limits of an address that is not public, and on this machine the command that finds faults."""
    if is_public_address(resource):
        return ""
    text = '<p class="soft">Claude and ChatGPT on the web need a public https address, which this one is not.</p>'
    if is_loopback_host(urlsplit(resource).hostname or ""):
        text += f"\n<p>If a client fails, this command finds out why:</p>\n{_copied(f'make doctor URL={resource}')}"
    return text


def _not_found(name: str, resource: str) -> str:
    address = escape(resource)
    return (
        "<h1>Page not found</h1>\n<p>There is nothing at this address.</p>\n"
        f'<p>The MCP server {escape(name)} is at <a href="{address}">{address}</a>.</p>'
    )


def _setup(setup: ClientSetup) -> str:
    client = escape(setup.client)
    link = f'<p><a class="button" href="{escape(setup.link)}">Add to {client}</a>, or:</p>\n' if setup.link else ""
    copied = _copied(setup.copied) if setup.copied else ""
    return f"<h2>{client}</h2>\n{link}<p>{escape(setup.steps)}</p>\n{copied}"


def _copied(text: str, *, kind: str = "copied") -> str:
    return f'<pre class="{kind}">{escape(text)}</pre>'


def _page(title: str, main: str) -> StaticPage:
    files = resources.files("mcp_service.pages")
    style = files.joinpath("page.css").read_text("utf-8")
    template = Template(files.joinpath("page.html").read_text("utf-8"))
    html = template.substitute(title=escape(title), style=style, main=main)
    return StaticPage(
        html.encode(),
        {
            "Content-Type": "text/html; charset=utf-8",
            **security_headers(style=style, form_target="'none'", keep_opener=False),
        },
    )
