"""The demo user's browser of `make token`: it signs in and decides as a user would, on this machine only."""

from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from devstack.demo_browser import DemoBrowser
from devstack.demo_user import DemoUser
from devstack.service_process import ServiceError

USER = DemoUser("demo", "x3f8-p9km")
SIGN_IN = """<form action="/sign-in" method="post"><input name="csrf" value="1"><button name="provider" value="acme">
</form><form action="/sign-in" method="post"><input type="hidden" name="csrf" value="2"><input name="username" value="">
<input name="password" type="password"></form>"""
CONSENT = """<input type="checkbox" name="scope" value="a" form="decision" checked>
<input type="checkbox" name="scope" value="b" form="decision">
<form action="/consent" method="post" id="decision"><input type="hidden" name="csrf" value="3">
<button name="decision" value="deny">Deny</button><button name="decision" value="approve">Allow</button></form>"""

ACCOUNT = """<form action="/account/sign-out" method="post"><input type="hidden" name="csrf" value="4">
<button name="where" value="everywhere">Everywhere</button></form>
<form action="/account/sign-out" method="post"><input type="hidden" name="csrf" value="5">
<button name="where" value="here">Here</button></form>"""


class Site:
    """The pages of a service, as far as the browser reads them."""

    def __init__(self):
        self.sent = []
        self.password = USER.password
        self.target = ""
        app = web.Application()
        app.router.add_get("/authorize", self.show(SIGN_IN))
        app.router.add_post("/sign-in", self.sign_in)
        app.router.add_get("/consent", self.show(CONSENT))
        app.router.add_post("/consent", self.consent)
        app.router.add_get("/account", self.show(ACCOUNT))
        app.router.add_post("/account/sign-out", self.sign_out)
        self.server = TestServer(app)

    @staticmethod
    def show(html):
        async def handler(_request):
            return web.Response(text=html, content_type="text/html")

        return handler

    async def sign_in(self, request):
        form = await request.post()
        self.sent.append(list(form.items()))
        if form["password"] != self.password:
            return web.Response(text=SIGN_IN, content_type="text/html")
        answer = web.Response(status=303, headers={"Location": "/consent"})
        answer.set_cookie("session", "s")
        return answer

    async def sign_out(self, request):
        self.sent.append(list((await request.post()).items()))
        return web.Response()

    async def consent(self, request):
        assert request.cookies["session"] == "s"
        assert request.headers["Origin"] == self.issuer
        self.sent.append(list((await request.post()).items()))
        refresh = f'<meta http-equiv="refresh" content="0; url={self.target}">'
        return web.Response(text=refresh, content_type="text/html")

    @property
    def issuer(self):
        return str(self.server.make_url("")).rstrip("/")


@asynccontextmanager
async def listener():
    """Where the answer shall arrive."""
    arrived = []

    async def receive(request):
        arrived.append(dict(request.query))
        return web.Response()

    app = web.Application()
    app.router.add_get("/callback", receive)
    async with TestServer(app) as server:
        yield str(server.make_url("/callback")), arrived


@pytest.fixture
async def site():
    made = Site()
    await made.server.start_server()
    yield made
    await made.server.close()


async def test_the_browser_signs_in_approves_the_request_as_it_is_and_signs_out(site):
    async with listener() as (address, arrived):
        site.target = f"{address}?code=c&amp;state=s"
        await DemoBrowser(site.issuer, USER).allow(f"{site.issuer}/authorize")
        assert arrived == [{"code": "c", "state": "s"}]
    assert site.sent == [
        [("csrf", "2"), ("username", "demo"), ("password", "x3f8-p9km")],
        [("csrf", "3"), ("scope", "a"), ("decision", "approve")],
        [("csrf", "5"), ("where", "here")],
    ]


@pytest.mark.parametrize("issuer", ["https://auth.example", "http://192.0.2.7:9000", "http://localhost.example:9000"])
def test_the_password_never_leaves_this_machine(issuer):
    with pytest.raises(ServiceError, match="on this machine only"):
        DemoBrowser(issuer, USER)


async def test_a_changed_password_is_tried_once_and_reported(site):
    site.password = "another"
    with pytest.raises(ServiceError, match="the password of demo was changed"):
        await DemoBrowser(site.issuer, USER).allow(f"{site.issuer}/authorize")
    assert len(site.sent) == 1


async def test_an_answer_that_would_leave_this_machine_is_not_followed(site):
    site.target = "https://client.example/callback?code=c"
    with pytest.raises(ServiceError, match="would leave this machine"):
        await DemoBrowser(site.issuer, USER).allow(f"{site.issuer}/authorize")


async def test_a_page_without_a_decision_is_reported(site):
    with pytest.raises(ServiceError, match="it answered 404"):
        await DemoBrowser(site.issuer, USER).allow(f"{site.issuer}/nowhere")
