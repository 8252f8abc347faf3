"""Floods of sign-ins through the whole service: users still get in, and a refusal for overload is not an attempt."""

import asyncio
import threading
from functools import partial

import argon2
import pytest

import auth_service.wiring
from auth_service.sign_in.delay import UNKNOWN_BROWSER
from auth_service.sign_in.password_authenticator import PasswordAuthenticator
from auth_service.users.hashing_queue import MAX_WAIT_SECONDS
from auth_service.users.passwords import PasswordHasher
from tests.support.auth_server import CHEAP, PASSWORD, USERNAME

NEW_DEVICE = "198.51.100.7"
LONG = 60


class Hashing:
    """Holds back every password hash between `stop` and `go_on`, and knows how many sign-ins have begun."""

    def __init__(self):
        self.begun = asyncio.Semaphore(0)
        self._gate = threading.Event()
        self.go_on()

    def stop(self):
        self._gate.clear()

    def go_on(self):
        self._gate.set()

    def wait(self):
        assert self._gate.wait(LONG)


@pytest.fixture
def hashing(monkeypatch):
    control, verify = Hashing(), argon2.PasswordHasher.verify

    def held_back(hasher, stored, password):
        control.wait()
        return verify(hasher, stored, password)

    authenticate = PasswordAuthenticator.authenticate

    def counted(*args, **kwargs):
        control.begun.release()
        return authenticate(*args, **kwargs)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", held_back)
    monkeypatch.setattr(PasswordAuthenticator, "authenticate", counted)
    yield control
    control.go_on()


@pytest.fixture
async def busy_auth(start_auth, hashing, monkeypatch):
    """The service with one user, one hashing thread, and clients that have networks of their own."""
    one_thread = partial(PasswordHasher, parameters=CHEAP, workers=1)
    monkeypatch.setattr(auth_service.wiring, "PasswordHasher", one_thread)
    auth = await start_auth(TRUSTED_PROXIES="127.0.0.1")
    await auth.users.add(USERNAME, PASSWORD)
    return auth


async def sign_in(user, *, address, username=USERNAME, password=PASSWORD):
    """Sign in from this address; answers the response."""
    origin = {"X-Forwarded-For": address}
    form = (await user.get("/sign-in", headers=origin)).forms[0]
    return await user.post(form.action, form.inputs | {"username": username, "password": password}, headers=origin)


async def flood(auth, hashing, number, *, address="203.0.113.{}", username="made-up-{}", password="wrong"):
    """Start so many sign-ins at once, and go on when all of them wait or are refused."""
    hashing.begun = asyncio.Semaphore(0)
    tasks = [
        asyncio.create_task(
            sign_in(auth.user_agent(), address=address.format(n), username=username.format(n), password=password)
        )
        for n in range(number)
    ]
    async with asyncio.timeout(LONG):
        for _ in range(number):
            await hashing.begun.acquire()
    await asyncio.sleep(0.3)
    return tasks


def done(tasks):
    return sum(task.done() for task in tasks)


async def begun(hashing, awaitable):
    """Start the sign-in, and go on when it waits or is refused."""
    hashing.begun = asyncio.Semaphore(0)
    task = asyncio.create_task(awaitable)
    async with asyncio.timeout(LONG):
        await hashing.begun.acquire()
    await asyncio.sleep(0.1)
    return task


async def test_the_owner_signs_in_on_a_known_browser_during_a_flood_of_made_up_names(busy_auth, hashing):
    owner = busy_auth.user_agent()
    assert (await sign_in(owner, address="198.51.100.1")).status == 303
    hashing.stop()
    strangers = await flood(busy_auth, hashing, 40)
    waiting = await begun(hashing, sign_in(owner, address="198.51.100.1"))
    hashing.go_on()
    assert (await waiting).status == 303
    assert done(strangers) < 5, "the owner waits for a turn, not for the flood"
    await asyncio.gather(*strangers)


async def test_guessers_on_one_account_do_not_fill_the_queue_for_a_network_without_attempts(busy_auth, hashing):
    await asyncio.gather(*await flood(busy_auth, hashing, 40, username=USERNAME))
    hashing.stop()
    guessers = await flood(busy_auth, hashing, 40, username=USERNAME)
    waiting = await begun(hashing, sign_in(busy_auth.user_agent(), address=NEW_DEVICE))
    hashing.go_on()
    assert (await waiting).status == 303
    assert done(guessers) < 5
    await asyncio.gather(*guessers)


async def test_an_attempt_that_was_refused_for_overload_does_not_count(busy_auth, hashing):
    hashing.stop()
    strangers = await flood(busy_auth, hashing, 200)
    for _ in range(UNKNOWN_BROWSER.free + 1):
        refused = await sign_in(busy_auth.user_agent(), address=NEW_DEVICE)
        assert refused.status == 503
        assert int(refused.headers["Retry-After"]) >= MAX_WAIT_SECONDS
    hashing.go_on()
    await asyncio.gather(*strangers)
    assert (await sign_in(busy_auth.user_agent(), address=NEW_DEVICE)).status == 303


async def test_the_flood_of_one_network_does_not_fill_the_queue_for_others(busy_auth, hashing):
    hashing.stop()
    strangers = await flood(busy_auth, hashing, 40, address="203.0.113.9")
    waiting = await begun(hashing, sign_in(busy_auth.user_agent(), address=NEW_DEVICE))
    hashing.go_on()
    assert (await waiting).status == 303
    assert done(strangers) < 5
    await asyncio.gather(*strangers)


async def test_fifty_users_at_once_all_sign_in(busy_auth, hashing):
    for number in range(50):
        await busy_auth.users.add(f"user{number}", PASSWORD)
    hashing.stop()
    users = await flood(busy_auth, hashing, 50, username="user{}", password=PASSWORD)
    hashing.go_on()
    assert {(await user).status for user in users} == {303}
