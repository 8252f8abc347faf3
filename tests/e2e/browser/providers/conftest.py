"""`deployment`, with its sites running, and users with browsers of their own."""

import asyncio

import pytest

from tests.e2e.browser.providers.deployment import Deployment
from tests.e2e.browser.providers.user import BrowserUser


def started(deployment):
    """Start the process of a deployment, and stop it in the end."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        try:
            runner.run(deployment.pair.start())
            yield deployment
        finally:
            runner.run(deployment.pair.close())


@pytest.fixture(scope="session")
def one_deployment():
    yield from started(Deployment())


@pytest.fixture
async def deployment(one_deployment):
    async with one_deployment:
        yield one_deployment


@pytest.fixture(scope="session")
def one_without_choice():
    yield from started(Deployment(only="acme", AUTH_PASSWORDS="off"))


@pytest.fixture
async def without_choice(one_without_choice):
    """One provider is the only way to sign in."""
    async with one_without_choice:
        yield one_without_choice


@pytest.fixture
async def open_user(browser, deployment):
    """`await open_user(size=…, scripts=…)`: a user in a new browser."""

    async def open_(**options):
        return await BrowserUser.open(browser, deployment.pair, **options)

    return open_


@pytest.fixture
async def user(open_user):
    """A user at a phone without JavaScript."""
    return await open_user()
