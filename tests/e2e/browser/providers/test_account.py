"""The ways to sign in on the account page, in Chromium at a phone."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.long]


async def test_a_user_links_an_account_signs_in_with_it_and_unlinks_it(user, deployment):
    page = user.page
    await user.at_account()
    await user.type_password()
    await page.get_by_role("button", name="Link Acme").click()
    await user.sign_in_there("alice-at-acme")
    await page.get_by_role("status").get_by_text("Account linked.").wait_for()
    linked = page.get_by_role("listitem").filter(has_text="Acme")
    assert "alice-at-acme@example.com" in await linked.inner_text()
    assert "In use now" not in await linked.inner_text()
    await user.expect_to_fit()
    await user.connect(prompt="login")
    await user.through("Acme", "alice-at-acme")
    words = await user.words()
    assert "Signed in with Acme as alice-at-acme@example.com" in words
    assert f"Your account here is {deployment.pair.username}" in words
    assert (await user.allow())["code"]
    await user.at_account()
    assert "In use now" in await linked.inner_text()
    await user.expect_to_fit()
    await linked.get_by_role("button", name="Unlink alice-at-acme@example.com at Acme").click()
    # The session began with the account that is unlinked.
    await page.get_by_role("heading", name="Sign in").wait_for()
    await user.type_password()
    await page.get_by_role("heading", name="Your account").wait_for()
    assert await linked.count() == 0
    await user.connect(prompt="login")
    await user.through("Acme", "alice-at-acme")
    assert "Your account here" not in await user.words()


async def test_an_account_of_another_user_is_not_linked_and_the_page_says_so(user, open_user):
    other = await open_user()
    await other.connect()
    await other.through("Acme", "bob")
    await user.at_account()
    await user.type_password()
    await user.page.get_by_role("button", name="Link Acme").click()
    await user.sign_in_there("bob")
    await user.page.get_by_role("alert").get_by_text("That account already belongs to another user here.").wait_for()
    await user.expect_to_fit()
    assert await user.page.get_by_role("button", name="Unlink").count() == 0
