"""The table of connections: which of them goes at a bound, and which never does."""

import pytest
from prometheus_client import CollectorRegistry

from shared.http.connections import ConnectionMetrics, ConnectionTable
from shared.ip_addresses import parse_networks


class Connection:
    """Waits for its client since a moment, or answers a request (None)."""

    def __init__(self, table, peer="192.0.2.1", *, waiting_since=None):
        self.waiting_since = waiting_since
        self.reason = None
        self._table = table
        self.was_accepted = table.enter(self, peer)

    def end(self, reason):
        self.reason = reason
        self._table.ended(reason)


def table(**changes):
    return ConnectionTable(**{"max_connections": 64, "max_per_network": 4} | changes)


def peers(count, *, network="198.51.{}.{}"):
    return [network.format(n // 250, n % 250 + 1) for n in range(count)]


def test_the_connection_of_a_network_that_waits_longest_makes_room_for_a_new_one_of_it():
    bounded = table()
    other = Connection(bounded, "192.0.2.2", waiting_since=0)
    mine = [Connection(bounded, waiting_since=n) for n in (3, 1, 2, 4)]
    new = Connection(bounded, waiting_since=5)
    assert new.was_accepted
    assert [c.reason for c in (other, *mine)] == [None, None, "network", None, None]


def test_a_whole_request_is_never_ended_and_a_network_that_has_only_such_is_refused_more():
    bounded = table()
    busy = [Connection(bounded) for _ in range(4)]
    assert not Connection(bounded, waiting_since=9).was_accepted
    assert Connection(bounded, "192.0.2.2").was_accepted
    assert [c.reason for c in busy] == [None] * 4
    bounded.leave(busy[0])
    assert Connection(bounded).was_accepted


@pytest.mark.parametrize("peer", ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::{}", "2001:db8:0:0:ffff::{}"])
def test_a_network_is_an_ipv4_address_or_a_64(peer):
    bounded = table()
    assert [Connection(bounded, peer.format(n)).was_accepted for n in range(5)] == [True] * 4 + [False]


@pytest.mark.parametrize("peer", ["10.1.2.3", None])
def test_proxies_of_ours_and_unix_sockets_are_bounded_in_all_only(peer):
    bounded = table(trusted_proxies=parse_networks(["10.0.0.0/8"]))
    assert [Connection(bounded, peer).was_accepted for _ in range(65)] == [True] * 64 + [False]


def test_at_the_bound_in_all_the_longest_waiting_go_and_more_than_one_at_once():
    bounded = table()
    waiting = [Connection(bounded, peer, waiting_since=n) for n, peer in enumerate(peers(64))]
    assert Connection(bounded, "203.0.113.1").was_accepted
    assert [c.reason for c in waiting[:3]] == ["total", "total", None]
    assert Connection(bounded, "203.0.113.2").was_accepted
    assert waiting[2].reason is None, "there was room for two"


def test_when_all_are_busy_a_new_one_is_refused():
    bounded = table()
    for peer in peers(64):
        Connection(bounded, peer)
    assert not Connection(bounded, "203.0.113.1").was_accepted


def test_authenticated_requests_are_in_no_bound_while_they_last():
    bounded = table()
    streams = [Connection(bounded) for _ in range(4)]
    with bounded.apart(streams[0]), bounded.apart(streams[1]):
        more = [Connection(bounded) for _ in range(3)]
        assert [c.was_accepted for c in more] == [True, True, False]
    assert not Connection(bounded).was_accepted, "they count again"
    for connection in streams:
        bounded.leave(connection)
    assert Connection(bounded).was_accepted


def test_a_connection_that_ends_while_it_is_apart_does_not_come_back():
    bounded = table()
    stream = Connection(bounded)
    with bounded.apart(stream):
        bounded.leave(stream)
    assert [Connection(bounded).was_accepted for _ in range(5)] == [True] * 4 + [False]


def test_few_file_descriptors_lower_the_bound_and_many_do_not_raise_it():
    bounded = table()
    bounded.limit_to(1_000_000)
    assert bounded.max_connections == 64
    bounded.limit_to(40)
    assert bounded.max_connections == 30


def test_what_is_open_and_what_was_ended_can_be_seen():
    registry = CollectorRegistry()
    bounded = table(metrics=ConnectionMetrics(registry))
    _, stream, *_ = [Connection(bounded, waiting_since=n) for n in range(5)]
    with bounded.apart(stream):
        assert registry.get_sample_value("sallyport_http_connections", {"kind": "counted"}) == 3
    assert registry.get_sample_value("sallyport_http_connections_ended_total", {"reason": "network"}) == 1
