"""Limits that the doctor respects, whatever a server responds."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from sallyport_doctor.run import RunOptions
from sallyport_doctor.run import run as run_doctor
from tests.sallyport_doctor.faulty_servers.faults_mcp_endpoint import OpenWithSessions
from tests.sallyport_doctor.faulty_servers.flow import page
from tests.sallyport_doctor.faulty_servers.healthy import SigningIn
from tests.sallyport_doctor.user import unresponsive_user


class ApprovesByItself(SigningIn):
    """Redirects to the client with a code, without a page."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def sign_in_page(self, number, **headers):
        query = self.waiting[number]
        self.asked.append(query["redirect_uri"])
        return self.send_back(query["redirect_uri"], {"code": "a", "state": query.get("state", ""), **self.iss()})


async def test_looking_at_the_sign_in_page_does_not_bring_the_answer_in_the_users_place(run):
    model = ApprovesByItself()
    diagnosis = await run(model, login=True, user=unresponsive_user, wait_seconds=0.2)
    assert len(model.asked) == 1
    assert {f.id for f in diagnosis.findings} == {"login-timed-out"}


async def test_a_code_for_the_vendors_loopback_address_is_not_carried_there(knowledge):
    """Another program may listen on port 33418: the redirect is recorded and not followed."""
    model = ApprovesByItself()
    asked: list[Any] = []
    await model.start()
    wanted = RunOptions(url=model.resource, register=True)
    diagnosis = await run_doctor(wanted, knowledge=knowledge, open_page=unresponsive_user, on_request=asked.append)
    await model.stop()
    assert {f.id for f in diagnosis.findings} == {"authorize-without-consent"}
    assert [what for what in asked if not what.split()[1].startswith(model.origin)] == []


class SignsInElsewhere(SigningIn):
    """Redirects to a sign-in page that requires a cookie; without it the page is an error."""

    def routes(self):
        return super().routes() | {("GET", "/sign-in"): "answer_sign_in"}

    def sign_in_page(self, number, **headers):
        answer = web.Response(status=303, headers={"Location": f"/sign-in?number={number}"})
        answer.set_cookie("browser", "insecure", httponly=True)
        answer.set_cookie("another", "insecure")
        return answer

    async def answer_sign_in(self, request):
        if set(request.cookies) != {"browser", "another"}:
            return page("Session missing", 400, **{"Content-Security-Policy": "form-action 'none'"})
        return super().sign_in_page(request.query["number"])


async def test_the_page_that_is_looked_at_is_the_one_that_a_browser_with_cookies_gets(run):
    """The policy of an error page would be reported as the reason for the missing callback."""
    diagnosis = await run(SignsInElsewhere(), login=True, user=unresponsive_user, wait_seconds=0.2)
    assert {f.id for f in diagnosis.findings} == {"login-timed-out"}


class HandsOver(SignsInElsewhere):
    """Delegates the sign-in to another server."""

    def __init__(self, elsewhere):
        super().__init__()
        self.elsewhere = elsewhere

    def sign_in_page(self, number, **headers):
        answer = super().sign_in_page(number)
        answer.headers["Location"] = self.elsewhere.origin + "/sign-in"
        return answer


async def test_a_sign_in_at_another_origin_is_left_to_the_browser(run):
    class Elsewhere(SignsInElsewhere):
        async def answer_sign_in(self, request):
            asked.append(request.path)
            return page("Sign in", **{"Content-Security-Policy": "form-action 'none'"})

    asked: list[str] = []
    elsewhere = Elsewhere()
    await elsewhere.start()
    diagnosis = await run(HandsOver(elsewhere), login=True, user=unresponsive_user, wait_seconds=0.2)
    await elsewhere.stop()
    assert asked == []
    (finding,) = diagnosis.findings
    assert finding.id == "login-timed-out"
    assert finding.observed.endswith(f"the browser was sent to {elsewhere.origin}/sign-in")


@pytest.mark.parametrize("wanted", [{"login": True}, {"register": True}])
async def test_a_run_that_is_stopped_half_way_leaves_no_client_behind(knowledge, wanted):
    model, reached = SigningIn(), asyncio.Event()
    await model.start()

    async def forever(_address):
        reached.set()
        await asyncio.Event().wait()

    def watch(what):
        # Variants of the authorization request follow the registration.
        if wanted == {"register": True} and what.startswith("GET") and "/authorize" in what and model.clients:
            reached.set()

    going = run_doctor(
        RunOptions(url=model.resource, **wanted), knowledge=knowledge, open_page=forever, on_request=watch
    )
    running = asyncio.create_task(going)
    await reached.wait()
    had = len(model.clients)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await model.stop()
    assert had > 0
    assert model.clients == {}


class OpenAtUsualPath(OpenWithSessions):
    """The user enters the origin; at the usual path each handshake opens a session."""

    @property
    def entered(self):
        return f"{self.origin}/"

    def routes(self):
        return super().routes() | {("DELETE", self.mcp_path): "end_session"}

    def __init__(self):
        super().__init__()
        self.ended = []

    async def end_session(self, request):
        self.ended.append(request.headers["Mcp-Session-Id"])
        return web.Response(status=204)


async def test_a_session_that_was_opened_while_looking_for_the_endpoint_is_ended(run):
    model = OpenAtUsualPath()
    diagnosis = await run(model)
    assert ({f.id for f in diagnosis.findings}, model.ended) == ({"mcp-at-other-url"}, ["session-1"])
