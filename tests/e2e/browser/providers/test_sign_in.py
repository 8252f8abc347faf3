"""Sign-in through identity providers, end to end in Chromium: from the client's link to its code."""

import pytest

pytestmark = pytest.mark.browser


async def test_a_user_signs_in_at_a_provider_decides_here_and_finds_it_first_the_next_time(user, deployment):
    """At a phone, without JavaScript. The response of the second provider is posted from another site."""
    await user.connect()
    assert await user.buttons() == [
        "Sign in",
        "Continue with Acme",
        "Continue with Globex",
        "Continue with Example App",
        "Continue with Initech",
    ]
    await user.expect_to_fit()
    await user.choose("Acme")
    await user.sign_in_there("ada")
    words = await user.words()
    assert "signed in with Acme as ada@example.com" in words
    assert "127.0.0.1" in words
    await user.expect_to_fit()
    response = await user.allow()
    assert response["code"]
    assert response["iss"] == deployment.pair.issuer
    await user.connect(prompt="login")
    await user.choose("Globex")
    await user.sign_in_there("ada")
    await user.page.get_by_role("button", name="Go back").click()
    await user.page.get_by_text("signed in with Globex as ada@example.com").wait_for()
    assert (await user.allow())["code"]
    await user.connect(prompt="login")
    assert (await user.buttons())[:2] == ["Continue with Globex", "Continue with Acme"]
    await user.type_password()
    await user.page.get_by_text(f"signed in as {deployment.pair.username}").wait_for()
    assert (await user.allow())["code"]
    assert user.complaints == []
