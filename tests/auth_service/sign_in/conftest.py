"""A server with two identity providers and passwords, and its parts by short names."""

import pytest

from tests.support.auth_server import PASSWORD, USERNAME
from tests.support.fake_provider import Upstreams


@pytest.fixture
def upstreams():
    """Two providers that answer in the query, one that posts, and a page of the operator."""
    return Upstreams("acme", "globex", "initech", form_post=("initech",), external=("page",))


@pytest.fixture
async def federated(start_auth, upstreams):
    """The service with these providers and one user with a password."""
    server = await start_auth(IDENTITY_PROVIDERS=upstreams.setting, build_provider=upstreams.build)
    await server.users.add(USERNAME, PASSWORD)
    return server


@pytest.fixture
def lone():
    """One provider."""
    return Upstreams("acme")


@pytest.fixture
async def only_acme(start_auth, lone):
    """The service where that provider is the only way to sign in."""
    return await start_auth(IDENTITY_PROVIDERS=lone.setting, PASSWORDS="off", build_provider=lone.build)
