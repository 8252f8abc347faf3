"""Makes the pages once, from the settings."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from importlib import resources
from string import Template
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mcp_service.pages.client_setup import client_setups, is_public_address
from shared.configured_url import is_loopback_host
from shared.http.page_headers import security_headers
from shared.http.static_page import StaticPage

if TYPE_CHECKING:
    from mcp_service.pages.client_setup import ClientSetup


@dataclass(frozen=True, slots=True)
class BrowserPages:
    """The page of the server itself, and the one of an address at which nothing is."""

    server: StaticPage
    not_found: StaticPage

    @classmethod
    def of(cls, name: str, resource: str) -> BrowserPages:
        """The pages for the display name and the URL of the resource."""
        return cls(
            server=_page(name, _server(name, resource)),
            not_found=_page("Page not found", _not_found(name, resource)),
        )


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
    """What an address that is not public cannot do, and on this machine the command that finds faults."""
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
