"""The button that shows the password: it needs the only script of the pages, and is absent without it."""

import pytest

pytestmark = pytest.mark.browser


async def test_a_password_is_shown_and_hidden_again_and_is_sent_hidden(browser, page_server):
    page = await (await browser.new_context()).new_page()
    refused = []
    page.on("console", lambda line: refused.append(line.text))
    await page.goto(f"{page_server.origin}/sign-in")
    field, button = page.get_by_label("Password", exact=True), page.get_by_role("button", name="Show password")
    await page.get_by_label("Username").fill("ada")
    await field.fill("wrong")
    for kind, pressed in (("text", "true"), ("password", "false"), ("text", "true")):
        await button.click()
        assert await field.get_attribute("type") == kind
        assert await button.get_attribute("aria-pressed") == pressed
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("alert").wait_for()
    assert [form["password"] for form in page_server.posted] == ["wrong"]
    assert await field.get_attribute("type") == "password"
    assert refused == []


async def test_without_javascript_there_is_no_button_that_does_nothing(browser_page, page_server):
    await browser_page.goto(f"{page_server.origin}/sign-in")
    assert await browser_page.get_by_role("button").all_inner_texts() == ["Sign in"]


async def test_another_script_in_the_page_does_not_run(browser, page_server):
    context = await browser.new_context()
    page = await context.new_page()
    answer = await (await context.request.get(f"{page_server.origin}/sign-in")).text()
    policy = (await context.request.get(f"{page_server.origin}/sign-in")).headers["content-security-policy"]

    async def with_injection(route):
        body = answer.replace("</main>", "<script>document.title = 'owned'</script></main>")
        await route.fulfill(body=body, headers={"content-type": "text/html", "content-security-policy": policy})

    await page.route("**/sign-in", with_injection)
    await page.goto(f"{page_server.origin}/sign-in")
    assert "owned" not in await page.title()
    assert await page.get_by_role("button", name="Show password").is_visible()
