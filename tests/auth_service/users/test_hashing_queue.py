"""Turns for password hashing: bounded by the expected wait, fair between networks, apart for known browsers."""

import asyncio
import math

import pytest

from auth_service.users import hashing_queue
from auth_service.users.hashing_queue import INITIAL_SECONDS, MAX_WAIT_SECONDS, MIN_SECONDS, HashingQueue, Lane
from shared.errors import ServiceUnavailable

PLACES = int(MAX_WAIT_SECONDS / INITIAL_SECONDS)


class Work:
    """Occupies every slot until `finish`, and remembers in which order turns were given."""

    def __init__(self, slots=1):
        self.queue = HashingQueue(slots=slots)
        self.served = []
        self.tasks = []
        self._finished = asyncio.Event()
        for number in range(slots):
            self.add(Lane.FIRST_ATTEMPT, f"occupying {number}", occupying=True)

    def add(self, lane, key, name=None, *, occupying=False):
        async def work():
            if occupying:
                await self._finished.wait()
            else:
                self.served.append(name or key)

        task = asyncio.create_task(self.queue.run(lane, key, work))
        self.tasks.append(task)
        return task

    async def finish(self):
        self._finished.set()
        return await asyncio.gather(*self.tasks, return_exceptions=True)


async def refused(task):
    with pytest.raises(ServiceUnavailable) as raised:
        await task
    return raised.value


async def test_at_most_as_many_requests_as_slots_work_at_once():
    queue, working, most = HashingQueue(slots=3), 0, 0

    async def work():
        nonlocal working, most
        working += 1
        most = max(most, working)
        await asyncio.sleep(0)
        working -= 1

    await asyncio.gather(*(queue.run(Lane.FIRST_ATTEMPT, str(n % 7), work) for n in range(50)))
    assert most == 3


async def test_networks_take_turns():
    work = Work()
    for number in range(10):
        work.add(Lane.FIRST_ATTEMPT, "flood", f"flood {number}")
    for network in ("a", "b"):
        work.add(Lane.FIRST_ATTEMPT, network)
        work.add(Lane.FIRST_ATTEMPT, network)
    await work.finish()
    assert work.served[:6] == ["flood 0", "a", "b", "flood 1", "a", "b"]
    assert work.served[6:] == [f"flood {n}" for n in range(2, 10)]


async def test_a_known_browser_waits_for_one_other_at_most():
    work = Work()
    for number in range(50):
        work.add(Lane.FIRST_ATTEMPT, str(number))
    for name in ("owner", "owner again"):
        work.add(Lane.KNOWN_BROWSER, "account", name)
    await work.finish()
    assert work.served.index("owner") <= 1
    assert work.served.index("owner again") <= 3


async def test_a_first_attempt_waits_for_one_of_each_other_lane_at_most():
    work = Work()
    for number in range(50):
        work.add(Lane.FURTHER_ATTEMPT, str(number))
        work.add(Lane.KNOWN_BROWSER, f"account {number}")
    work.add(Lane.FIRST_ATTEMPT, "owner on a new device")
    await work.finish()
    assert "owner on a new device" in work.served[:3]


async def test_known_browsers_do_not_keep_others_from_their_turns():
    """A user with a known browser can sign in as often as the requests' limit allows."""
    work = Work()
    for number in range(50):
        work.add(Lane.KNOWN_BROWSER, "insider", f"insider {number}")
    work.add(Lane.KNOWN_BROWSER, "owner")
    work.add(Lane.FIRST_ATTEMPT, "newcomer")
    await work.finish()
    assert {"owner", "newcomer"} < set(work.served[:4])


async def test_the_queue_is_bounded_by_the_expected_wait():
    work = Work()
    await asyncio.sleep(0)
    for number in range(PLACES):
        work.add(Lane.FIRST_ATTEMPT, str(number))
    error = await refused(work.add(Lane.FIRST_ATTEMPT, "one more"))
    assert error.status == 503
    assert error.error_id == "password_queue"
    assert int(error.headers["Retry-After"]) == math.ceil(MAX_WAIT_SECONDS + INITIAL_SECONDS)
    await work.finish()
    assert len(work.served) == PLACES


async def test_a_full_queue_of_others_has_places_for_known_browsers():
    work = Work()
    await asyncio.sleep(0)
    for number in range(PLACES):
        work.add(Lane.FIRST_ATTEMPT, str(number))
    work.add(Lane.KNOWN_BROWSER, "owner")
    await work.finish()
    assert "owner" in work.served


async def test_a_network_that_fills_its_share_leaves_places_for_others():
    work = Work()
    await asyncio.sleep(0)
    for _ in range(PLACES):
        work.add(Lane.FIRST_ATTEMPT, "flood")
    await refused(work.add(Lane.FIRST_ATTEMPT, "flood"))
    work.add(Lane.FIRST_ATTEMPT, "newcomer")
    await work.finish()
    assert "newcomer" in work.served[:2]


@pytest.mark.parametrize(("slots", "seconds", "places"), [(1, 0.1, 120), (2, 0.1, 240), (1, 0.5, 24), (4, 2.0, 24)])
async def test_the_number_of_places_follows_from_the_measured_time_of_a_turn(slots, seconds, places):
    work = Work(slots)
    for _ in range(200):
        work.queue.observe(seconds)
    await asyncio.sleep(0)
    for number in range(2 * places):
        work.add(Lane.FIRST_ATTEMPT, str(number))
    outcomes = await work.finish()
    assert sum(isinstance(outcome, ServiceUnavailable) for outcome in outcomes) == pytest.approx(places, abs=slots)


async def test_hashes_that_take_no_time_do_not_make_the_queue_endless():
    queue = HashingQueue(slots=1)
    for _ in range(1000):
        queue.observe(0.0)
    assert queue._seconds == pytest.approx(MIN_SECONDS)


async def test_a_client_that_leaves_while_it_waits_leaves_the_queue():
    work = Work()
    await asyncio.sleep(0)
    leaving = [work.add(Lane.FIRST_ATTEMPT, str(number)) for number in range(PLACES)]
    await asyncio.sleep(0)
    for task in leaving:
        task.cancel()
    await asyncio.sleep(0)
    for number in range(PLACES):
        work.add(Lane.FIRST_ATTEMPT, f"later {number}")
    await work.finish()
    assert len(work.served) == PLACES


async def test_a_client_that_leaves_when_its_turn_has_come_passes_the_turn_on():
    work = Work()
    await asyncio.sleep(0)
    first, second = work.add(Lane.FIRST_ATTEMPT, "first"), work.add(Lane.FIRST_ATTEMPT, "second")
    await asyncio.sleep(0)
    work.queue._end_turn()
    first.cancel()
    await asyncio.wait([first, second], timeout=1)
    assert first.cancelled()
    assert work.served == ["second"]
    work.queue._free -= 1  # the turn that this test ended is still in use
    await work.finish()


async def test_a_client_that_leaves_does_not_make_room_while_its_work_goes_on():
    queue, go_on, done = HashingQueue(slots=1), asyncio.Event(), []

    async def work():
        await go_on.wait()
        done.append("the work of the one that left")

    async def next_work():
        done.append("the next")

    leaving = asyncio.create_task(queue.run(Lane.FIRST_ATTEMPT, "a", work))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(queue.run(Lane.FIRST_ATTEMPT, "b", next_work))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.sleep(0.01)
    assert leaving.cancelled()
    assert done == []
    go_on.set()
    await waiting
    assert done == ["the work of the one that left", "the next"]


async def test_work_that_fails_ends_its_turn():
    queue = HashingQueue(slots=1)

    async def fail():
        raise ValueError("a fault")

    for _ in range(3):
        with pytest.raises(ValueError, match="a fault"):
            await queue.run(Lane.FIRST_ATTEMPT, "a", fail)
    assert queue.expected_wait(Lane.FIRST_ATTEMPT, "a") == 0


async def test_a_request_that_is_overtaken_for_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(hashing_queue, "GIVE_UP_SECONDS", 0.05)
    work = Work()
    await asyncio.sleep(0)
    error = await refused(work.add(Lane.FIRST_ATTEMPT, "flood"))
    assert error.error_id == "password_queue"
    assert int(error.headers["Retry-After"]) >= 1
    await work.finish()
    assert work.served == []
