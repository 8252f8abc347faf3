"""A stream that has ended leaves no cycle of objects: full collections, which would find it, are rare."""

import asyncio
import gc

import pytest

from tests.support.raw_upstream import EVENTS_HEAD, chunk, event

OURS = ("mcp_service.", "shared.")
"""Among them are the connection, what is known of the request, and both ends of the stream."""


@pytest.fixture
def streaming(upstream):
    async def answer(request, writer):
        writer.write(EVENTS_HEAD + chunk(event({"a": 1})))
        await request.left.wait()

    upstream.answer = answer


@pytest.fixture
def cycles():
    """What only a collection would free, of the service; nothing is collected meanwhile."""
    gc.collect()
    gc.disable()

    def found():
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        kinds = {f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.garbage}
        return {kind for kind in kinds if kind.startswith(OURS)}

    yield found
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


async def test_a_stream_whose_client_has_left_leaves_no_cycle(upstream, caller, streaming, cycles):
    async with caller.get() as response:
        assert await response.content.readany()
    async with asyncio.timeout(10):
        await upstream.requests[0].left.wait()
    # The tasks around the handler end in the turns that follow.
    for _ in range(100):
        await asyncio.sleep(0)
    assert cycles() == set()
