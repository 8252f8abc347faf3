"""What the doctor never does, whatever a server says."""

import asyncio

import pytest
from aiohttp import web

from sallyport_doctor.visit import Visit, visit
from tests.doctor.person import nobody
from tests.doctor.zoo.flow import page
from tests.doctor.zoo.visits import SigningIn


class ApprovesByItself(SigningIn):
    """Sends whoever comes straight back to the client with a code."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def sign_in_page(self, number, **headers):
        query = self.waiting[number]
        self.asked.append(query["redirect_uri"])
        return self.send_back(query["redirect_uri"], {"code": "a", "state": query.get("state", ""), **self.iss()})


async def test_looking_at_the_sign_in_page_does_not_bring_the_answer_in_the_persons_place(run):
    model = ApprovesByItself()
    diagnosis = await run(model, login=True, person=nobody, wait_seconds=0.2)
    assert len(model.asked) == 1
    assert {f.id for f in diagnosis.findings} == {"login-not-answered"}


async def test_a_code_for_the_vendors_loopback_address_is_not_carried_there(knowledge):
    """Port 33418 may be another program's: the redirect is read and not followed."""
    model, asked = ApprovesByItself(), []
    await model.start()
    wanted = Visit(url=model.resource, register=True)
    diagnosis = await visit(wanted, knowledge=knowledge, open_page=nobody, on_ask=asked.append)
    await model.stop()
    assert {f.id for f in diagnosis.findings} == {"authorize-asks-nobody"}
    assert [what for what in asked if not what.split()[1].startswith(model.origin)] == []


class SignsInElsewhere(SigningIn):
    """Sends the browser on to a page of its own, which knows it by a cookie; others get an error page."""

    def routes(self):
        return super().routes() | {("GET", "/sign-in"): "answer_sign_in"}

    def sign_in_page(self, number, **headers):
        answer = web.Response(status=303, headers={"Location": f"/sign-in?number={number}"})
        answer.set_cookie("browser", "insecure", httponly=True)
        answer.set_cookie("another", "insecure")
        return answer

    async def answer_sign_in(self, request):
        if set(request.cookies) != {"browser", "another"}:
            return page("Who are you?", 400, **{"Content-Security-Policy": "form-action 'none'"})
        return super().sign_in_page(request.query["number"])


async def test_the_page_that_is_looked_at_is_the_one_that_a_browser_with_cookies_gets(run):
    """The policy of an error page would be taken for the reason why nobody came back."""
    diagnosis = await run(SignsInElsewhere(), login=True, person=nobody, wait_seconds=0.2)
    assert {f.id for f in diagnosis.findings} == {"login-not-answered"}


class HandsOver(SignsInElsewhere):
    """Its sign-in is another server's."""

    def __init__(self, elsewhere):
        super().__init__()
        self.elsewhere = elsewhere

    def sign_in_page(self, number, **headers):
        answer = super().sign_in_page(number)
        answer.headers["Location"] = self.elsewhere.origin + "/sign-in"
        return answer


async def test_a_cookie_is_never_carried_to_another_origin(run):
    class Elsewhere(SignsInElsewhere):
        async def answer_sign_in(self, request):
            carried.append(dict(request.cookies))
            return page("Sign in")

    carried, elsewhere = [], Elsewhere()
    await elsewhere.start()
    await run(HandsOver(elsewhere), login=True, person=nobody, wait_seconds=0.2)
    await elsewhere.stop()
    assert carried == [{}]


@pytest.mark.parametrize("wanted", [{"login": True}, {"register": True}])
async def test_a_visit_that_is_stopped_half_way_leaves_no_client_behind(knowledge, wanted):
    model, reached = SigningIn(), asyncio.Event()
    await model.start()

    async def forever(_address):
        reached.set()
        await asyncio.Event().wait()

    def watch(what):
        # While it tries variants of the authorization request: its clients are registered by then.
        if wanted == {"register": True} and what.startswith("GET") and "/authorize" in what and model.clients:
            reached.set()

    going = visit(Visit(url=model.resource, **wanted), knowledge=knowledge, open_page=forever, on_ask=watch)
    visiting = asyncio.create_task(going)
    await reached.wait()
    had = len(model.clients)
    visiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await visiting
    await model.stop()
    assert had > 0
    assert model.clients == {}
