"""Ports for the servers that tests start."""

from __future__ import annotations

import itertools

from tests.support.free_ports import WORKERS, free_port, in_turn, ports_of


def test_no_two_workers_share_a_port() -> None:
    shares = [set(ports_of(f"gw{number}")) for number in range(WORKERS)]
    assert all(one.isdisjoint(other) for one, other in itertools.combinations(shares, 2))


def test_a_port_comes_again_only_after_every_other_one() -> None:
    ports = range(20_000, 20_010)
    turn = in_turn(ports)
    for _ in range(2):
        assert set(itertools.islice(turn, len(ports))) == set(ports)


def test_a_port_whose_server_has_not_started_yet_is_not_given_to_another() -> None:
    given = [free_port(("127.0.0.1",)) for _ in range(50)]
    assert len(set(given)) == len(given)
