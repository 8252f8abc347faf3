"""Sign-in at replicas whose clocks differ by a minute: attempts are delayed and sessions end alike."""

import pytest

from auth_service.sign_in.delay import UNKNOWN_BROWSER
from tests.support.auth_server import USERNAME

pytestmark = pytest.mark.parametrize("skew", [-60, 60])


@pytest.fixture
async def other(auth, start_auth, skew):
    """Another replica, whose clock differs."""
    replica = await start_auth()
    replica.clock.ahead = skew
    return replica


async def guess(server):
    user = server.user_agent()
    return await user.sign_in(await user.get("/sign-in"), USERNAME, "wrong")


async def test_an_attempt_waits_as_long_at_a_replica_whose_clock_differs(auth, other):
    for _ in range(UNKNOWN_BROWSER.free):
        assert (await guess(auth)).status == 403
    assert [(await guess(server)).headers.get("Retry-After") for server in (other, auth)] == ["1", "1"]


async def account_status(server, user):
    """The account page of one replica as the browser sees it: 200 if it is signed in."""
    there = server.user_agent()
    there.cookies.update(user.cookies)
    return (await there.get("/account")).status


async def sign_out_everywhere(server, user):
    there = server.user_agent()
    there.cookies.update(user.cookies)
    page = await there.get("/account")
    form = next(form for form in page.forms if form.action == "/account/sign-out")
    await there.post("/account/sign-out", form.inputs | {"where": "everywhere"})


async def test_signing_out_at_one_replica_ends_earlier_sessions_of_the_other_and_no_later_one(auth, other):
    for first, second in ((auth, other), (other, auth)):
        user = first.user_agent()
        await user.sign_in(await user.get("/sign-in"))
        assert await account_status(second, user) == 200
        await sign_out_everywhere(second, user)
        assert await account_status(first, user) == 303
        later = first.user_agent()
        await later.sign_in(await later.get("/sign-in"))
        assert await account_status(second, later) == 200
