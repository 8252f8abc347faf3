"""Closing the door: who has come in is answered, and nobody is let in afterwards."""

import asyncio
import socket
import sys

import pytest
import uvloop

from shared.http.doors import Doors


class Greeter(asyncio.Protocol):
    def connection_made(self, transport):
        transport.write(b"welcome")
        transport.close()


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request):
    with asyncio.Runner(loop_factory=request.param) as runner:
        yield runner.run


def free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()


async def opened(address):
    doors = Doors(Greeter)
    await doors.open([address], shared=False)
    return doors


def test_who_is_connected_but_not_yet_seen_is_answered(run):
    """A blocking connection: the system has taken it, the loop has had no turn to."""

    async def play():
        address = free_address()
        doors = await opened(address)
        visitors = [socket.create_connection(address, timeout=5) for _ in range(5)]
        await doors.close()
        answers = [await asyncio.to_thread(visitor.recv, 100) for visitor in visitors]
        for visitor in visitors:
            visitor.close()
        return answers

    assert run(play()) == [b"welcome"] * 5


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the door cannot be barred")
def test_who_comes_while_it_closes_is_refused_and_never_let_in_to_be_cut_off(run):
    async def play():
        address = free_address()
        doors = await opened(address)
        closing = asyncio.create_task(doors.close())
        await asyncio.sleep(0)
        visitor = asyncio.create_task(asyncio.open_connection(*address))
        await closing
        with pytest.raises(ConnectionRefusedError):
            await visitor

    run(play())


def test_afterwards_nobody_is_let_in(run):
    async def play():
        address = free_address()
        doors = await opened(address)
        await doors.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*address)

    run(play())


def test_a_busy_address_is_said_and_the_others_are_given_up(run):
    async def play():
        first, busy = free_address(), socket.create_server(("127.0.0.1", 0))
        doors = Doors(Greeter)
        with busy, pytest.raises(OSError, match="in use"):
            await doors.open([first, busy.getsockname()], shared=False)
        doors.close_at_once()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*first)

    run(play())
