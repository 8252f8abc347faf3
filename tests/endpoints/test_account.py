import time

import pytest

from auth_service.storage.clients import ClientStore
from tests.endpoints.person_at_service import PASSWORD, Service

NEW_PASSWORD = "another handful of words"


@pytest.fixture
async def service(store):
    async with Service(store) as service:
        await service.users.add("ada", PASSWORD)
        yield service


@pytest.fixture
async def ada(service):
    """Ada's browser, signed in."""
    async with service.browser() as browser:
        page = await browser.sign_in()
        assert page.path == "/account"
        yield browser


def form_to(page, address):
    return next(i for i, form in enumerate(page.forms) if form.action == address)


async def test_the_page_is_only_for_who_is_signed_in(service):
    async with service.browser() as browser:
        page = await browser.get("/account")
        assert page.path == "/sign-in"


async def test_whoever_holds_access_is_listed_with_what_when_and_where(service, ada):
    await ada.allow(await service.register("Claude Code"), scope="notes:read notes:write")
    text = (await ada.get("/account")).text
    for told in [
        "Claude Code",
        "Notes",
        "Add, change and delete your notes",
        "client.example",
        "just now",
        "127.0.0.1",
    ]:
        assert told in text
    assert "nobody vouches for its name" in text


async def test_nothing_is_listed_before_anything_is_allowed(ada):
    assert "None. When you allow" in (await ada.get("/account")).text


async def test_one_click_ends_the_access_of_one_application_alone(service, ada):
    first, second = await service.register("First"), await service.register("Second")
    ended = await ada.allow(first)
    kept = await ada.allow(second)
    page = await ada.get("/account")
    grants = {form.inputs["grant"]: i for i, form in enumerate(page.forms) if form.action == "/account/end-access"}
    (gone,) = [g for g in grants if (await service.grants.find(g)).client_id == first]
    page = await ada.submit(page, grants[gone])
    assert page.path == "/account"
    assert "Access ended." in page.text
    assert "First" not in page.text
    assert "Second" in page.text
    answer = await ada.token(grant_type="refresh_token", refresh_token=ended["refresh_token"], client_id=first)
    assert (answer["status"], answer["error"]) == (400, "invalid_grant")
    answer = await ada.token(grant_type="refresh_token", refresh_token=kept["refresh_token"], client_id=second)
    assert answer["status"] == 200


async def test_ending_the_same_access_twice_is_the_same_as_once(service, ada):
    await ada.allow(await service.register())
    page = await ada.get("/account")
    assert (await ada.submit(page)).status == 200
    assert (await ada.submit(page)).status == 200


async def test_nobody_ends_the_access_of_somebody_else(service, ada):
    tokens = await ada.allow(client := await service.register())
    grant = (await ada.get("/account")).forms[0].inputs["grant"]
    await service.users.add("eve", PASSWORD)
    async with service.browser() as eve:
        page = await eve.sign_in("eve")
        page.forms[0].action = "/account/end-access"
        page = await eve.submit(page, grant=grant)
        assert "Access ended." not in page.text
    answer = await ada.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"], client_id=client)
    assert answer["status"] == 200


async def test_a_form_from_elsewhere_is_refused_and_changes_nothing(service, ada):
    """CSRF (RFC 9700 section 4.7)."""
    await ada.allow(await service.register("Claude Code"))
    page = await ada.get("/account")
    for form in page.forms:
        form.inputs["csrf"] = "A" * 43
    for step in ("end-access", "password", "sign-out"):
        at = form_to(page, f"/account/{step}")
        assert (await ada.submit(page, at, where="everywhere", applications="end")).status == 400
    page = await ada.get("/account")
    assert page.path == "/account"
    assert "Claude Code" in page.text


async def test_a_csrf_value_of_another_browser_does_not_fit(service, ada):
    async with service.browser() as other:
        theirs = (await other.sign_in()).forms[0].inputs["csrf"]
    page = await ada.get("/account")
    assert (await ada.submit(page, form_to(page, "/account/sign-out"), csrf=theirs)).status == 400


async def test_no_link_makes_the_page_say_that_a_step_was_taken(ada):
    for query in ["news=password-changed", "news=password-changed&mark=AAAA", "news=%00&mark=%ff"]:
        assert 'role="status"' not in (await ada.get(f"/account?{query}")).text


async def test_a_made_up_grant_is_left_alone(ada):
    page = await ada.get("/account")
    page.forms[0].action = "/account/end-access"
    for grant in ["", "x", "../../etc", "A" * 22, "é" * 22]:
        answer = await ada.submit(page, grant=grant)
        assert answer.status == 200
        assert "Access ended." not in answer.text


async def test_a_changed_password_signs_out_every_other_browser_and_keeps_applications(service, ada):
    tokens = await ada.allow(client := await service.register())
    async with service.browser() as other:
        await other.sign_in()
        page = await ada.get("/account")
        page = await ada.submit(
            page,
            form_to(page, "/account/password"),
            current_password=PASSWORD,
            new_password=NEW_PASSWORD,
            repeated_password=NEW_PASSWORD,
        )
        assert "Your password is changed." in page.text
        assert (await other.get("/account")).path == "/sign-in"
        assert (await other.sign_in()).status == 403
        assert (await other.sign_in(password=NEW_PASSWORD)).path == "/account"
    assert (await ada.get("/account")).path == "/account"
    answer = await ada.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"], client_id=client)
    assert answer["status"] == 200


REFUSED_CHANGES = [
    ("not the password", NEW_PASSWORD, NEW_PASSWORD, "The current password is not right."),
    ("", NEW_PASSWORD, NEW_PASSWORD, "The current password is not right."),
    (PASSWORD, NEW_PASSWORD, NEW_PASSWORD + "x", "not the same both times"),
    (PASSWORD, "", "", "not the same both times"),
    (PASSWORD, "password12", "password12", "among the passwords that attackers try first"),
    (PASSWORD, "tiny one", "tiny one", "shorter than 10 characters"),
    (PASSWORD, "w x y z" * 200, "w x y z" * 200, "The new password is"),
]


async def test_a_password_that_cannot_be_set_is_explained_and_the_old_one_stays(service, ada):
    page = await ada.get("/account")
    at = form_to(page, "/account/password")
    for current, new, repeated, told in REFUSED_CHANGES:
        answer = await ada.submit(page, at, current_password=current, new_password=new, repeated_password=repeated)
        assert told in answer.text
        assert "Your password is not changed." in answer.text
        assert not new or new not in answer.text
    assert (await ada.get("/account")).path == "/account"
    assert await service.users.authenticate("ada", PASSWORD)


async def test_signing_out_here_leaves_other_browsers_signed_in(service, ada):
    async with service.browser() as other:
        await other.sign_in()
        page = await ada.get("/account")
        page = await ada.submit(page, form_to(page, "/account/sign-out"), where="here")
        assert "You are signed out" in page.text
        assert (await ada.get("/account")).path == "/sign-in"
        assert (await other.get("/account")).path == "/account"


async def test_signing_out_everywhere_ends_every_session_and_spares_applications(service, ada):
    tokens = await ada.allow(client := await service.register())
    async with service.browser() as other:
        await other.sign_in()
        page = await ada.get("/account")
        await ada.submit(page, form_to(page, "/account/sign-out"), where="everywhere")
        assert (await other.get("/account")).path == "/sign-in"
    assert (await ada.get("/account")).path == "/sign-in"
    answer = await ada.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"], client_id=client)
    assert answer["status"] == 200


async def test_signing_out_everywhere_can_end_every_application_too(service, ada):
    clients = [await service.register(name) for name in ("First", "Second")]
    tokens = [await ada.allow(client) for client in clients]
    page = await ada.get("/account")
    page = await ada.submit(page, form_to(page, "/account/sign-out"), where="everywhere", applications="end")
    assert "The access of 2 applications is ended too." in page.text
    for client, held in zip(clients, tokens, strict=True):
        answer = await ada.token(grant_type="refresh_token", refresh_token=held["refresh_token"], client_id=client)
        assert answer["error"] == "invalid_grant"


async def test_the_page_shares_no_window_with_a_client(ada):
    assert (await ada.get("/account")).headers["Cross-Origin-Opener-Policy"] == "same-origin"


async def test_an_unknown_client_gets_a_page_that_tells_how_to_clear_its_registration(service):
    """clients.md A18."""
    async with service.browser() as browser:
        page = await browser.ask("no-such-client")
        assert page.status == 400
        assert page.refresh is None
        assert "rm -rf ~/.mcp-auth" in page.text
        assert "a registration that this server does not have" in page.text


async def test_a_client_whose_registration_ended_gets_that_page_too(service):
    client, now = await service.register(), int(time.time())
    clients = ClientStore(service.store)
    assert await clients.record_use(client, now=now, expires_at=now + 86_400)
    assert await clients.end(client, now=now)
    async with service.browser() as browser:
        page = await browser.ask(client)
        assert page.status == 400
        assert "Its registration here was not used for a long time, or was ended" in page.text


async def test_under_an_issuer_with_a_path_every_address_is_below_it(store):
    async with Service(store, issuer="http://localhost:9/tenant") as service:
        await service.users.add("ada", PASSWORD)
        async with service.browser() as browser:
            page = await browser.submit(await browser.get("/tenant/account"), username="ada", password=PASSWORD)
            assert page.path == "/tenant/account"
            assert {form.action for form in page.forms} == {"/tenant/account/password", "/tenant/account/sign-out"}
