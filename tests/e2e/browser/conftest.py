"""The pages behind a server of a few lines, on one origin, and a client's callback on another."""

from dataclasses import dataclass, field, replace

import pytest
from aiohttp import web

from auth_service.pages.catalogue import ENGLISH
from auth_service.pages.renderer import Pages
from auth_service.pages.views import ContinueView
from tests.support.every_page import CONSENT, PROBLEM, SIGN_IN, every_page

ICON = "<link rel=icon href=data:,>"
"""Keeps the browser from asking a client's server for one."""


@dataclass
class PageServer:
    """The origin that serves the pages, and the forms that were posted to it."""

    origin: str = ""
    goes_on_to: str = ""
    redirects: bool = False
    """Answer a decision with a redirect, as we do not."""
    posted: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture
def catalogue():
    """The language of the pages."""
    return ENGLISH


@pytest.fixture
async def page_server(aiohttp_server, catalogue):
    pages, page_server = Pages(catalogue=catalogue), PageServer()

    async def sign_in(request: web.Request) -> web.Response:
        if request.method == "GET":
            return pages.sign_in(SIGN_IN)
        form = {name: str(value) for name, value in (await request.post()).items()}
        page_server.posted.append(form)
        if form["password"] != "right":
            return pages.sign_in(replace(SIGN_IN, username=form["username"], problem=PROBLEM))
        raise web.HTTPSeeOther("/consent")

    async def consent(request: web.Request) -> web.Response:
        if request.method == "GET":
            return pages.consent(CONSENT)
        form = {name: str(value) for name, value in (await request.post()).items()}
        page_server.posted.append(form)
        if page_server.redirects:
            raise web.HTTPSeeOther(page_server.goes_on_to)
        return pages.continue_to(ContinueView(page_server.goes_on_to, "Claude Code", form["decision"] == "approve"))

    app = web.Application()
    app.router.add_route("*", "/sign-in", sign_in)
    app.router.add_route("*", "/consent", consent)
    for name, page in every_page(catalogue).items():
        if name not in {"sign-in", "consent"}:
            app.router.add_get(f"/{name}", _show(page.html, page.headers))
    server = await aiohttp_server(app)
    page_server.origin = f"http://localhost:{server.port}"
    return page_server


def _show(text, headers):
    async def show(_request: web.Request) -> web.Response:
        return web.Response(text=text, headers=headers)

    return show


@pytest.fixture
async def client_origin(aiohttp_server):
    """A client's web server: a page that opens the flow in a popup, and the callback that reports back to it."""

    async def callback(request: web.Request) -> web.Response:
        return web.Response(
            text=f"{ICON}<title>arrived</title><p id=q>{request.query_string}</p>"
            "<script>if (window.opener) window.opener.postMessage(location.search, '*')</script>",
            content_type="text/html",
        )

    async def opener(_request: web.Request) -> web.Response:
        return web.Response(
            text=f"{ICON}<title>waiting</title>"
            "<script>addEventListener('message', e => document.title = e.data)</script>"
            "<button onclick=\"window.open(location.hash.slice(1), 'flow')\">Connect</button>",
            content_type="text/html",
        )

    async def frame(request: web.Request) -> web.Response:
        return web.Response(text=f"{ICON}<iframe src={request.query_string}></iframe>", content_type="text/html")

    async def hop(request: web.Request) -> web.Response:
        raise web.HTTPFound(f"http://localhost:{request.url.port}/callback?{request.query_string}")

    app = web.Application()
    app.router.add_get("/hop", hop)
    app.router.add_get("/frame", frame)
    app.router.add_get("/callback", callback)
    app.router.add_get("/", opener)
    server = await aiohttp_server(app)
    return f"http://127.0.0.1:{server.port}"
