"""Signatures on their way to the thread and back: every caller gets its own outcome, whatever happens meanwhile."""

import asyncio
import threading

import pytest

from auth_service.keys.signing_thread import SigningThread


class HeldKey:
    """In the place of a signing key: a signature is what was signed, backwards, once the test lets it go on."""

    def __init__(self):
        self.threads = []
        self.may_sign = threading.Event()
        self.is_signing = threading.Event()

    def signature(self, signing_input):
        self.threads.append(threading.get_ident())
        self.is_signing.set()
        assert self.may_sign.wait(10)
        if signing_input == b"broken":
            raise ValueError("no signature")
        return signing_input[::-1]


@pytest.fixture
def key():
    return HeldKey()


@pytest.fixture
def thread(key):
    made = SigningThread(max_waiting=3)
    yield made
    key.may_sign.set()
    made.close()


async def begin(thread, key, *inputs):
    """Hand over, and go on once the thread holds the first."""
    tasks = [asyncio.create_task(thread.sign(key.signature, text)) for text in inputs]
    await asyncio.sleep(0)
    await asyncio.to_thread(key.is_signing.wait, 10)
    return tasks


async def test_each_caller_gets_its_own_signature_from_the_other_thread(thread, key):
    key.may_sign.set()
    signatures = await asyncio.gather(thread.sign(key.signature, b"abc"), thread.sign(key.signature, b"xyz"))
    assert [*signatures] == [b"cba", b"zyx"]
    assert len(set(key.threads)) == 1
    assert threading.get_ident() not in key.threads


async def test_an_exception_reaches_its_caller_and_the_next_signature_is_made(thread, key):
    key.may_sign.set()
    outcomes = await asyncio.gather(
        thread.sign(key.signature, b"broken"), thread.sign(key.signature, b"abc"), return_exceptions=True
    )
    assert [str(outcomes[0]), outcomes[1]] == ["no signature", b"cba"]


async def test_there_is_room_for_no_more_than_the_bound(thread, key):
    tasks = await begin(thread, key, b"a", b"b")
    assert thread.has_room
    tasks += await begin(thread, key, b"c")
    assert not thread.has_room
    key.may_sign.set()
    await asyncio.gather(*tasks)
    assert thread.has_room


async def test_a_caller_that_is_cancelled_takes_nothing_from_the_others(thread, key):
    left, stays = await begin(thread, key, b"a", b"bc")
    left.cancel()
    key.may_sign.set()
    assert await stays == b"cb"
    assert left.cancelled()
    await begin(thread, key, b"d", b"e")
    assert thread.has_room


async def test_tokens_that_were_handed_over_before_the_end_are_signed(thread, key):
    tasks = await begin(thread, key, b"ab", b"cd")
    thread.close()
    assert not thread.has_room
    key.may_sign.set()
    assert [await task for task in tasks] == [b"ba", b"dc"]


async def test_a_caller_that_comes_after_the_end_is_served_all_the_same(thread, key):
    key.may_sign.set()
    thread.close()
    assert await thread.sign(key.signature, b"ab") == b"ba"


async def test_a_system_without_another_thread_signs_in_this_one(thread, key, monkeypatch):
    def no_thread(_self):
        raise RuntimeError("can't start new thread")

    key.may_sign.set()
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    assert await thread.sign(key.signature, b"ab") == b"ba"
    assert key.threads == [threading.get_ident()]
    assert not thread.has_room


def test_a_loop_that_ends_while_a_signature_is_made_leaves_no_thread_behind(key, monkeypatch):
    failures: list[object] = []
    monkeypatch.setattr(threading, "excepthook", failures.append)
    thread = SigningThread()

    async def leave():
        (task,) = await begin(thread, key, b"a")
        task.cancel()

    asyncio.run(leave())
    thread.close()
    key.may_sign.set()
    for one in threading.enumerate():
        if one.name == "signing":
            one.join(10)
    assert failures == []
    assert "signing" not in [one.name for one in threading.enumerate()]
