"""A service whose users sign in through a provider."""

import pytest

from tests.support.federated import Federated


@pytest.fixture
def federated(start_auth):
    return Federated(start_auth)


@pytest.fixture
async def server(federated):
    return await federated.start()


@pytest.fixture
async def desk(server):
    return await server.register(client_name="Desk")
