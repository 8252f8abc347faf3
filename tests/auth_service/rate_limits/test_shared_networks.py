"""Which addresses may have many clients behind them."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from auth_service.rate_limits.limits import RateLimits
from shared.ip_addresses import parse_networks


@pytest.fixture
def limits():
    unused: Any = None
    return RateLimits(
        repository=unused,
        shared_networks=parse_networks(["160.79.104.0/21"]),
        audit=unused,
        registry=CollectorRegistry(),
        enabled=True,
        monotonic=lambda: 0.0,
    )


@pytest.mark.parametrize("address", ["160.79.104.10", "127.0.0.1", "::1", "172.18.0.1", "192.168.1.7", "fd00::1", ""])
def test_known_egress_and_private_addresses_are_shared_networks(limits, address):
    assert limits.is_shared_network(address)


@pytest.mark.parametrize("address", ["160.79.112.1", "192.0.2.1", "8.8.8.8", "2001:db8::1", "nonsense"])
def test_other_addresses_are_no_shared_networks(limits, address):
    assert not limits.is_shared_network(address)
