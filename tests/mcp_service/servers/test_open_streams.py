"""When an open stream is told to end."""

import asyncio
from types import SimpleNamespace

import pytest

from mcp_service.servers.open_streams import OpenStreams


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
