"""Pages of a refused sign-in and of scopes that the user may not grant, and the ways on from them."""

import pytest

from tests.e2e.browser.providers.user import DESKTOP, PHONE

pytestmark = [pytest.mark.browser, pytest.mark.long]

SIZES = pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])


@SIZES
async def test_a_user_whom_the_rules_refuse_is_told_so_and_signs_in_in_another_way(open_user, deployment, size):
    user = await open_user(size=size)
    await user.connect()
    await user.choose("Acme")
    await user.sign_in_there("mallory")
    alert = user.page.get_by_role("alert")
    await alert.get_by_text("This account can't sign in here.").wait_for()
    assert "request ID" in await alert.inner_text()
    assert "mallory" not in await user.words()
    await user.expect_to_fit()
    await user.through("Acme", "ada")
    assert deployment.acme.asked[-1]["prompt"] == "login"
    assert (await user.allow())["code"]


@SIZES
async def test_a_user_who_may_have_nothing_signs_in_as_another_and_decides(open_user, deployment, size):
    deployment.acme.users = {"root": {"groups": ["staff"]}}
    user = await open_user(size=size)
    await user.connect(scope="notes:admin", state="the-state")
    await user.choose("Acme")
    await user.sign_in_there("ada")
    await user.page.get_by_role("heading", name="Your account can't use this").wait_for()
    words = await user.words()
    assert "Signed in with Acme as ada@example.com" in words
    assert "Manage the notes of all" in words
    await user.expect_to_fit()
    back = user.page.get_by_role("link", name="Go back to 127.0.0.1")
    href = await back.get_attribute("href")
    assert href is not None
    assert "error=access_denied" in href
    assert "state=the-state" in href
    await user.page.get_by_role("button", name="Use another account").click()
    await user.through("Acme", "root")
    assert (await user.allow())["state"] == "the-state"


async def test_a_user_who_may_have_nothing_goes_back_to_the_client(open_user):
    user = await open_user()
    await user.connect(scope="notes:admin")
    await user.choose("Acme")
    await user.sign_in_there("ada")
    await user.page.get_by_role("link", name="Go back to 127.0.0.1").click()
    assert (await user.arrived())["error"] == "access_denied"


@SIZES
async def test_a_user_learns_what_is_left_out(open_user, size):
    user = await open_user(size=size)
    await user.connect(scope="notes:read notes:admin")
    await user.through("Acme", "ada")
    given, _, left_out = (await user.words()).partition("Not available to your account")
    assert "Read your notes" in given
    assert "Manage the notes of all" not in given
    assert "Manage the notes of all" in left_out
    await user.expect_to_fit()
    assert (await user.allow())["code"]


@SIZES
async def test_a_user_who_cancels_at_the_provider_can_choose_again(open_user, size):
    user = await open_user(size=size)
    await user.connect()
    await user.choose("Acme")
    await user.page.get_by_role("button", name="Cancel").click()
    await user.page.get_by_role("alert").get_by_text("You cancelled the sign-in with Acme.").wait_for()
    await user.expect_to_fit()
    await user.through("Acme", "ada")
    assert (await user.allow())["code"]


@SIZES
async def test_the_button_of_an_unreachable_provider_says_so_and_the_others_work(open_user, size):
    user = await open_user(size=size)
    await user.connect()
    await user.page.get_by_role("button", name="Continue with Initech").click()
    await user.page.get_by_role("alert").get_by_text("Initech isn't responding.").wait_for()
    assert "Continue with Initech isn't responding" in await user.buttons()
    await user.expect_to_fit()
    await user.through("Acme", "ada")
    assert (await user.allow())["code"]
