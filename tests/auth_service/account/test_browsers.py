"""The browsers in which a user is signed in: listed for their user, and signed out by their user only."""

import json

import pytest

from auth_service.protocol.opaque import digest
from auth_service.sessions.repository import MAX_SESSIONS, Session, SessionRepository
from shared.errors import RedisUnavailable
from tests.support.auth_server import PASSWORD, USERNAME

EVE = "eve"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)
HOSTILE = "<script>Firefox/1 Linux</script>" + "x" * 4000


async def signed_in(auth, username=USERNAME, user_agent=""):
    user = auth.user_agent()
    form = (await user.get("/sign-in")).forms[0]
    values = form.inputs | {"username": username, "password": PASSWORD}
    assert (await user.post(form.action, values, headers={"User-Agent": user_agent})).status == 303
    return user


def endings(page):
    """The forms that sign another browser out."""
    return [form for form in page.forms if form.action.endswith("/account/sign-out-browser")]


async def is_signed_in(user):
    return (await user.get("/account")).status == 200


async def sign_out(user, form, **values):
    answer = await user.post(form.action, form.inputs | values)
    return await user.follow(answer) if answer.status == 303 else answer


@pytest.fixture
async def ada(auth):
    return await signed_in(auth, user_agent=CHROME)


async def test_the_page_lists_each_browser_with_its_system_and_its_address(auth, ada):
    await signed_in(auth, user_agent=HOSTILE)
    page = await ada.get("/account")
    assert "Chrome on Windows This browser" in page.words
    assert "Firefox on Linux Last seen: just now" in page.words
    assert page.words.count("127.0.0.1") == 2
    assert "xxx" not in page.text


async def test_a_browser_that_is_signed_out_elsewhere_is_signed_out_alone(auth, ada):
    other, third = await signed_in(auth), await signed_in(auth)
    (first, second) = endings(await ada.get("/account"))
    page = await sign_out(ada, first)
    assert "Signed out." in page.words
    assert len(endings(page)) == 1
    assert [await is_signed_in(user) for user in (ada, other, third)].count(False) == 1
    await sign_out(ada, second)
    assert [await is_signed_in(user) for user in (ada, other, third)] == [True, False, False]


async def test_signing_out_an_ended_session_changes_nothing(auth, ada):
    await signed_in(auth)
    (form,) = endings(await ada.get("/account"))
    assert "Signed out." in (await sign_out(ada, form)).words
    again = await sign_out(ada, form)
    assert (again.status, "Signed out." in again.words) == (200, False)


async def test_a_user_cannot_sign_out_the_browser_of_another(auth, ada):
    await auth.users.add(EVE, PASSWORD)
    eve = await signed_in(auth, EVE)
    await signed_in(auth, EVE)
    await signed_in(auth)
    (of_ada,) = endings(await ada.get("/account"))
    (of_eve,) = endings(await eve.get("/account"))
    page = await sign_out(eve, of_eve, session=of_ada.inputs["session"])
    assert "Signed out." not in page.words
    assert len(endings(await ada.get("/account"))) == 1


@pytest.mark.parametrize("csrf", ["", "A" * 43])
async def test_a_form_from_elsewhere_signs_nobody_out(auth, ada, csrf):
    other = await signed_in(auth)
    (form,) = endings(await ada.get("/account"))
    assert (await sign_out(ada, form, csrf=csrf)).status == 400
    assert await is_signed_in(other)


async def test_the_form_of_a_session_that_has_ended_signs_nobody_out(auth, ada):
    """The page of a browser counts for the session that it was made for."""
    other = await signed_in(auth)
    (form,) = endings(await ada.get("/account"))
    out = next(f for f in (await ada.get("/account")).forms if f.action.endswith("/account/sign-out"))
    await ada.post(out.action, out.inputs | {"where": "here"})
    assert (await ada.post(form.action, form.inputs)).status in {303, 400}
    assert await is_signed_in(other)


@pytest.mark.invariant(4)
async def test_neither_the_token_nor_its_hash_is_in_the_page(auth, ada):
    await signed_in(auth)
    text = (await ada.get("/account")).text
    keys = await auth.store.command("KEYS", "sp:*:session:*")
    assert len(keys) == 2
    for key in keys:
        assert key.rpartition(":")[2] not in text
    token = next(value for name, value in ada.cookies.items() if name.endswith("session")).rpartition(".")[2]
    assert token not in text
    assert digest(token) not in text


async def test_a_session_of_a_former_version_is_listed_once_it_is_seen(auth, ada):
    other = await signed_in(auth)
    for key in await auth.store.command("KEYS", "sp:*:session:*"):
        record = json.loads(await auth.store.command("GET", key))
        kept = {name: record[name] for name in ("username", "authenticated_at", "signed_out_at", "identity")}
        await auth.store.command("SET", key, json.dumps(kept), "EX", 60)
    for key in await auth.store.command("KEYS", "sp:*:session_index"):
        await auth.store.command("DEL", key)
    assert "Unknown browser This browser" in (await ada.get("/account")).words
    assert await is_signed_in(other)
    assert len(endings(await ada.get("/account"))) == 1


async def test_a_user_has_at_most_so_many_sessions_and_the_one_that_was_not_seen_for_longest_ends(auth, ada):
    repository = SessionRepository(auth.store, lifetime_seconds=3600)
    (key,) = await auth.store.command("KEYS", "sp:*:session:*")
    subject, token_hash = key[key.index("{") + 1 : key.index("}")], key.rpartition(":")[2]
    for number in range(MAX_SESSIONS):
        await repository.begin(
            Session(digest(str(number)), subject, USERNAME, auth.clock(), seen_at=auth.clock() + 1 + number)
        )
    assert await repository.find(subject, token_hash) is None
    kept = await repository.find_by_subject(subject)
    assert [session.token_hash for session in kept] == [digest(str(n)) for n in reversed(range(MAX_SESSIONS))]
    assert await auth.store.command("ZCARD", f"sp:{{{subject}}}:session_index") == MAX_SESSIONS


async def test_signing_out_everywhere_empties_the_list(auth, ada):
    await signed_in(auth)
    out = [f for f in (await ada.get("/account")).forms if f.action.endswith("/account/sign-out")][-1]
    await ada.post(out.action, out.inputs | {"where": "everywhere"})
    again = await signed_in(auth)
    assert endings(await again.get("/account")) == []


async def test_the_page_is_shown_also_when_the_visit_cannot_be_noted(auth, ada, monkeypatch):
    async def full(*args, **kwargs):
        raise RedisUnavailable("no room")

    monkeypatch.setattr(SessionRepository, "mark_seen", full)
    assert await is_signed_in(ada)
