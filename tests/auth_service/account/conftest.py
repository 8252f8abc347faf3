"""A server with two identity providers and passwords."""

import pytest

from tests.support.auth_server import PASSWORD, USERNAME
from tests.support.fake_provider import Upstreams


@pytest.fixture
def upstreams():
    return Upstreams("acme", "globex")


@pytest.fixture
async def federated(start_auth, upstreams):
    """The service with these providers and one user with a password."""
    server = await start_auth(IDENTITY_PROVIDERS=upstreams.setting, build_provider=upstreams.build)
    await server.users.add(USERNAME, PASSWORD)
    return server
