"""Work is spread over turns of the event loop, in order and with a bound for each turn."""

import asyncio

import pytest

from shared.turn_limiter import TurnLimiter

PER_TURN = 3


class Turns:
    """A loop whose turns a test makes."""

    def __init__(self):
        self._ready = []

    def next_turn(self, callback):
        self._ready.append(callback)

    def make(self, count=1):
        for _ in range(count):
            ready, self._ready = self._ready, []
            for callback in ready:
                callback()

    @property
    def is_idle(self):
        return not self._ready


@pytest.fixture
def turns():
    return Turns()


@pytest.fixture
def limiter(turns):
    return TurnLimiter(PER_TURN, next_turn=turns.next_turn)


@pytest.fixture
def done():
    return []


def hand_in(limiter, done, count):
    for number in range(count):
        limiter.call(lambda number=number: done.append(number))


def test_work_is_done_at_once_while_the_turn_has_room(limiter, done):
    hand_in(limiter, done, PER_TURN)
    assert done == [0, 1, 2]


def test_no_turn_does_more_than_its_share(limiter, turns, done):
    hand_in(limiter, done, 1000)
    for turn in range(1, 300):
        assert len(done) == turn * PER_TURN
        turns.make()


def test_a_call_in_the_turn_after_a_thousand_starts_waits_for_those_of_one_turn_only(limiter, turns, done):
    hand_in(limiter, done, 1000)
    turns.next_turn(lambda: done.append("call"))
    turns.make()
    assert done.index("call") <= 2 * PER_TURN


def test_all_work_is_done_in_the_order_in_which_it_came(limiter, turns, done):
    hand_in(limiter, done, 100)
    turns.make(100)
    assert done == list(range(100))


def test_what_comes_later_does_not_overtake_what_waits(limiter, turns, done):
    hand_in(limiter, done, PER_TURN + 1)
    turns.next_turn(lambda: limiter.call(lambda: done.append("later")))
    turns.make(2)
    assert done == [0, 1, 2, 3, "later"]


def test_the_next_turn_has_room_again(limiter, turns, done):
    hand_in(limiter, done, PER_TURN)
    turns.make()
    hand_in(limiter, done, PER_TURN)
    assert len(done) == 2 * PER_TURN


def test_a_loop_without_work_gets_no_turns_from_the_limiter(limiter, turns, done):
    hand_in(limiter, done, PER_TURN + 1)
    turns.make(2)
    turns.make()
    assert turns.is_idle


def test_work_that_fails_does_not_hold_up_what_waits_behind_it(limiter, turns, done):
    hand_in(limiter, done, PER_TURN)

    def fail():
        raise RuntimeError

    limiter.call(fail)
    limiter.call(lambda: done.append("behind"))
    with pytest.raises(RuntimeError):
        turns.make()
    turns.make()
    assert done[-1] == "behind"


async def test_a_task_that_has_waited_for_its_turn_goes_on(done):
    limiter = TurnLimiter(1)

    async def wait(number):
        await limiter.turn()
        done.append(number)

    await asyncio.gather(*(wait(number) for number in range(5)))
    assert done == [0, 1, 2, 3, 4]


async def test_a_task_that_is_cancelled_while_it_waits_takes_no_other_with_it(done):
    limiter = TurnLimiter(1)

    async def wait(number):
        await limiter.turn()
        done.append(number)

    tasks = [asyncio.create_task(wait(number)) for number in range(4)]
    await asyncio.sleep(0)
    tasks[2].cancel()
    await asyncio.wait(tasks)
    assert done == [0, 1, 3]
