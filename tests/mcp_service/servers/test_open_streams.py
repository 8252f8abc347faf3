"""When an open stream is told to end."""

import asyncio
from contextlib import ExitStack
from types import SimpleNamespace

import pytest

from mcp_service.servers.open_streams import OpenStreams, StreamEnding
from shared.http.paced_connections import ENDS_PER_TURN, EVENTS_PER_TURN, StreamPace


class Verifier:
    """Refuses the tokens that a test names."""

    def __init__(self):
        self.refused = set()

    def holds(self, token):
        return token.name not in self.refused


def token(name, expires_at=10_000):
    return SimpleNamespace(name=name, claims=SimpleNamespace(expires_at=expires_at))


@pytest.fixture
def verifier():
    return Verifier()


@pytest.fixture
def streams(verifier):
    return OpenStreams(verifier=verifier, clock=lambda: 1000.0)


@pytest.mark.invariant(12)
async def test_only_the_streams_of_a_token_that_is_refused_now_end(streams, verifier):
    with streams.opened(token("a")) as first, streams.opened(token("b")) as second, streams.opened(None) as public:
        verifier.refused.add("a")
        streams.end_refused()
        assert [ending.is_set() for ending in (first, second, public)] == [True, False, False]


@pytest.mark.invariant(12)
async def test_a_stream_whose_token_was_revoked_while_its_body_arrived_ends_at_once(streams, verifier):
    verifier.refused.add("a")
    with streams.opened(token("a")) as ending:
        assert ending.is_set()


@pytest.mark.invariant(12)
async def test_a_stream_ends_when_its_token_expires(streams):
    with streams.opened(token("a", expires_at=1000)) as ending:
        async with asyncio.timeout(10):
            await ending.wait()


async def test_all_streams_end_before_a_stop_and_those_that_are_opened_then(streams):
    with streams.opened(token("a")) as ending, streams.opened(None) as public:
        await streams.close(None)
        assert ending.is_set()
        assert public.is_set()
    with streams.opened(None) as late:
        assert late.is_set()


async def test_a_stream_that_has_ended_is_forgotten(streams):
    with streams.opened(token("a")):
        pass
    assert streams._open == {}


@pytest.mark.invariant(12)
async def test_a_thousand_streams_that_are_refused_have_ended_at_once_and_are_closed_a_few_per_turn(streams, verifier):
    closed = []
    with ExitStack() as stack:
        endings = [stack.enter_context(streams.opened(token("a"))) for _ in range(1000)]
        for ending in endings:
            stack.enter_context(ending.telling(lambda ending=ending: closed.append(ending)))
        verifier.refused.add("a")
        streams.end_refused()
        assert all(ending.is_set() for ending in endings)
        assert closed == endings[:ENDS_PER_TURN]
        await asyncio.sleep(0)
        assert closed == endings[: 2 * ENDS_PER_TURN]
        for _ in range(1000 // ENDS_PER_TURN):
            await asyncio.sleep(0)
        assert closed == endings


async def test_who_asks_after_the_stream_has_been_closed_is_told_as_well():
    ending = StreamEnding(StreamPace())
    ending.set()
    async with asyncio.timeout(10):
        await ending.wait()


async def test_who_has_left_is_not_told():
    told = []
    ending = StreamEnding(StreamPace())
    with ending.telling(lambda: told.append("left")):
        pass
    ending.set()
    assert told == []


async def test_what_is_due_for_a_thousand_streams_is_done_a_few_per_turn(streams):
    done = []
    with ExitStack() as stack:
        for _ in range(1000):
            ending = stack.enter_context(streams.opened(token("a")))
            ending.in_turn(lambda ending=ending: done.append(ending))
        assert len(done) == EVENTS_PER_TURN
        await asyncio.sleep(0)
        assert len(done) == 2 * EVENTS_PER_TURN
