"""A silent connection to the issuer is probed: the options are on the socket that carries a long poll.

The loopback interface answers every probe, whatever the process at the other end does: that the kernel ends the
connection of a peer that vanished cannot be shown here.
"""

import socket

import pytest

from mcp_service.issuer.keepalive import DEAD_SECONDS, IDLE_SECONDS, INTERVAL_SECONDS, PROBES
from mcp_service.issuer.long_polling import WAIT_SECONDS
from mcp_service.issuer.session import RESPONSE_SECONDS, IssuerSession

OPTIONS = {
    "TCP_KEEPIDLE": IDLE_SECONDS,
    "TCP_KEEPALIVE": IDLE_SECONDS,
    "TCP_KEEPINTVL": INTERVAL_SECONDS,
    "TCP_KEEPCNT": PROBES,
    "TCP_USER_TIMEOUT": DEAD_SECONDS * 1000,
}


@pytest.fixture
async def session():
    opened = IssuerSession()
    yield opened
    await opened.close()


@pytest.mark.invariant(12)
async def test_the_socket_of_a_request_to_the_issuer_is_probed(session, issuer):
    issuer.drips = True  # the connection is in use for as long as the body takes
    async with session.get(f"{issuer.url}/.well-known/jwks.json", headers={}, wait_seconds=0) as response:
        used = response.connection.transport.get_extra_info("socket")
        assert used.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0
        present = {name: value for name, value in OPTIONS.items() if hasattr(socket, name)}
        assert {name: used.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in present} == present
        assert len(present) >= 3


def test_a_dead_connection_ends_long_before_its_response_is_overdue():
    assert 3 * DEAD_SECONDS < WAIT_SECONDS + RESPONSE_SECONDS
