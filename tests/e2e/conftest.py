"""`pair`: both services as processes, shared by a whole test session. `make_pair`: one of a test's own."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from devstack.service_process import REPOSITORY
from tests.e2e.pair import Pair
from tests.support.node_packages import install_node_packages
from tests.support.user_agent import user_agent

FASTMCP: Final = "fastmcp==4.2.3"


@pytest.fixture(scope="session")
def pair():
    """One of each service, running. A test that stops or restarts one leaves it running again."""
    pair = Pair()
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        try:
            runner.run(pair.start())
            yield pair
        finally:
            runner.run(pair.close())


@pytest.fixture(scope="session")
def node_scripts():
    """The directory in which oidc-provider is, and the scripts that run it."""
    return install_node_packages(Path(__file__).parent / "third_party_servers", "npm-servers")


@pytest.fixture(scope="session")
def fastmcp_packages():
    """A directory with the package fastmcp, apart from our environment: it brings many packages along."""
    directory = REPOSITORY / "build" / "fastmcp-packages"
    if not (directory / "fastmcp").exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(directory), FASTMCP]
        subprocess.run(command, check=True, timeout=540)
    return directory


@pytest.fixture
async def make_pair():
    """Start a pair with settings or replicas of the test's own: `await make_pair(auth=2, mcp=3, own={…})`."""
    pairs = []

    async def make(**options):
        pair = Pair(**options)
        pairs.append(pair)
        await pair.start()
        return pair

    yield make
    for pair in pairs:
        await pair.close()


@pytest.fixture
async def user(pair):
    """A user of the shared pair, with a new browser."""
    async with user_agent(pair.username, pair.password) as agent:
        yield agent


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """Show with a failure what the services logged last: the private reason of an error is only there."""
    report = yield
    if report.failed:
        for found in item.funcargs.values():
            if isinstance(found, Pair):
                report.sections.extend((f"log of {s.name}", found.last_lines(s)) for s in [*found.auth, *found.mcp])
    return report
