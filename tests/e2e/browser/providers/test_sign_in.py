"""Sign-in through identity providers, end to end in Chromium: from the client's link to its code."""

import pytest

from tests.e2e.browser.providers.user import DESKTOP, PHONE, BrowserUser

pytestmark = pytest.mark.browser


async def test_a_user_signs_in_at_a_provider_decides_here_and_finds_it_first_the_next_time(user, deployment):
    """At a phone, without JavaScript. The response of the second provider is posted from another site."""
    await user.connect()
    ways = ["Sign in", "Continue with Acme", "Continue with Globex", "Continue with Example App"]
    assert (await user.buttons())[:4] == ways
    await user.expect_to_fit()
    await user.choose("Acme")
    await user.sign_in_there("ada")
    words = await user.words()
    assert "Signed in with Acme as ada@example.com" in words
    assert "127.0.0.1" in words
    assert words.partition("It will also see\n")[2].splitlines()[:2] == ["your e-mail address", "your groups"]
    await user.expect_to_fit()
    response = await user.allow()
    assert response["code"]
    assert response["iss"] == deployment.pair.issuer
    await user.connect(prompt="login")
    await user.choose("Globex")
    await user.sign_in_there("ada")
    await user.page.get_by_role("button", name="Go back").click()
    await user.page.get_by_text("Signed in with Globex as ada@example.com").wait_for()
    assert (await user.allow())["code"]
    await user.connect(prompt="login")
    assert (await user.buttons())[:2] == ["Continue with Globex", "Continue with Acme"]
    await user.type_password()
    await user.page.get_by_text(f"Signed in as {deployment.pair.username}").wait_for()
    assert (await user.allow())["code"]
    assert user.complaints == []


@pytest.mark.long
async def test_a_user_signs_in_and_decides_with_the_keyboard_alone(open_user):
    user = await open_user(size=DESKTOP)
    await user.connect()
    keys, focused = user.page.keyboard, user.page.locator(":focus")
    await user.page.locator("input[name=username]:focus").wait_for()
    for reached in ("", "Sign in", "Continue with Acme"):
        await keys.press("Tab")
        assert await focused.inner_text() == reached
    await keys.press("Enter")
    await user.page.get_by_label("Login").wait_for()
    await keys.type("grace")
    await keys.press("Enter")
    await user.page.locator("[name=decision]").first.wait_for()
    # Scopes that can be left out come first, as checkboxes, which have no text of their own.
    boxes = await user.page.get_by_role("checkbox").count()
    for reached in (*[""] * boxes, "Not you?", "your account", "Details", "Deny", "Allow"):
        await keys.press("Tab")
        assert await focused.inner_text() == reached
    await keys.press("Enter")
    assert "code" in await user.arrived()


@pytest.mark.long
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
async def test_the_page_of_the_operator_signs_in(open_user, deployment, size):
    """The page of the example, which posts the assertion of its backend to the constant address."""
    user = await open_user(size=size, scripts=True)
    await user.connect()
    await user.page.get_by_role("button", name="Continue with Example App").click()
    await user.page.get_by_text("Signed in with Example App as user-1").wait_for()
    await user.expect_to_fit()
    assert deployment.operator.bodies[-1]["signedInAnew"] is False
    assert (await user.allow())["code"]
    assert user.complaints == []


@pytest.mark.long
async def test_a_single_provider_is_reached_without_a_click_and_another_account_can_be_chosen(browser, without_choice):
    user = await BrowserUser.open(browser, without_choice.pair)
    await user.connect()
    await user.page.get_by_role("heading", name="Sign in at Acme").wait_for()
    await user.sign_in_there("ada")
    await user.page.get_by_role("button", name="Not you?").click()
    assert await user.buttons() == ["Continue with Acme"]
    await user.expect_to_fit()
    await user.through("Acme", "grace")
    assert "prompt" not in without_choice.acme.asked[-2]
    assert without_choice.acme.asked[-1]["prompt"] == "login"
    assert "Signed in with Acme as grace@example.com" in await user.words()
    assert (await user.allow())["code"]
