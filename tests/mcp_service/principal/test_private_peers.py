"""Plain headers go to loopback and to networks of the operator, whatever a name resolves to."""

import socket

import pytest
from aiohttp import ClientConnectorError, ClientSession, TCPConnector, web
from aiohttp.abc import AbstractResolver

from mcp_service.principal.private_peers import PeerRefused, PrivatePeers, PrivateResolver
from shared.ip_addresses import PRIVATE_NETWORKS, parse_networks

ONE = parse_networks(("10.1.0.0/16", "203.0.113.7/32"))


class FixedResolver(AbstractResolver):
    """Answers with the same addresses always, as a name under the control of somebody else may."""

    def __init__(self, *addresses):
        self.addresses = addresses

    async def resolve(self, host, port=0, family=socket.AF_INET):
        return [
            {"hostname": host, "host": address, "port": port, "family": family, "proto": 0, "flags": 0}
            for address in self.addresses
        ]

    async def close(self):
        pass


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "10.1.2.3", "203.0.113.7"])
def test_loopback_and_named_networks_are_allowed(address):
    PrivatePeers(ONE).check_peer(address)


@pytest.mark.invariant(14)
@pytest.mark.parametrize(
    "address",
    [
        *("10.2.0.1", "192.168.1.1", "203.0.113.8", "8.8.8.8", "169.254.169.254", "0.0.0.0", "2606:4700::1111"),
        *("::ffff:8.8.8.8", "fe80::1%eth0", "127.1", "localhost", "", "64:ff9b::7f00:1"),
    ],
)
def test_every_other_address_is_refused(address):
    with pytest.raises(PeerRefused):
        PrivatePeers(ONE).check_peer(address)


@pytest.mark.invariant(14)
@pytest.mark.parametrize("address", ["8.8.8.8", "169.254.169.254", "fe80::1", "2606:4700::1111"])
def test_all_private_networks_hold_no_public_and_no_link_local_address(address):
    assert not PrivatePeers(PRIVATE_NETWORKS).allows(address)


async def test_the_connector_reaches_an_address_that_is_allowed():
    runner = web.AppRunner(web.Application())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    resolver = PrivateResolver(FixedResolver("127.0.0.1"), PrivatePeers(()))
    async with (
        ClientSession(connector=TCPConnector(resolver=resolver)) as http,
        http.get(f"http://server.internal:{port}/") as answer,
    ):
        assert answer.status == 404
    await runner.cleanup()


@pytest.mark.invariant(14)
@pytest.mark.parametrize("addresses", [("8.8.8.8",), ("127.0.0.1", "8.8.8.8")])
async def test_the_connector_reaches_no_address_of_a_name_that_leads_outside(addresses):
    """Also if only one of the addresses does: its owner controls the name."""
    resolver = PrivateResolver(FixedResolver(*addresses), PrivatePeers(()))
    async with ClientSession(connector=TCPConnector(resolver=resolver)) as http:
        with pytest.raises(ClientConnectorError) as refused:
            await http.get("http://server.internal:1/")
    assert "MCP_UPSTREAM_PRIVATE" in str(refused.value)
