"""Fixtures of all test folders: a real store, one server per test session, one database per test."""

import itertools
import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest
import structlog

from devstack.embedded_store import EmbeddedStore
from shared.redis.single import SingleRedisClient
from shared.redis.topology import open_redis_client
from tests.support import topologies

pytest_plugins = ["tests.support.browser", "tests.support.printed_logs"]

_databases = itertools.cycle(range(16))


def pytest_configure():
    """Let Ctrl-C reach the processes that tests start: a job in the background of a shell inherits it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def logs_as_they_were():
    """A command run in this process sets up its logs; the next test must be able to capture its own."""
    before, handlers, level = structlog.get_config(), logging.root.handlers[:], logging.root.level
    hooks = sys.unraisablehook, threading.excepthook
    yield
    after = structlog.get_config()
    if any(after[name] is not before[name] for name in before):
        structlog.configure(**before)
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)
        logging.captureWarnings(False)
        logging.raiseExceptions = True
        sys.unraisablehook, threading.excepthook = hooks


@pytest.fixture(scope="session")
def embedded_store():
    # A short path: unix sockets allow about a hundred bytes.
    directory = Path(tempfile.mkdtemp(prefix="sp-"))
    with EmbeddedStore(directory, server=topologies.SERVER) as store:
        yield store
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def several_processes():
    """The URL and data nodes of what STORE_TOPOLOGY names (cluster, sentinel, limited); None without it."""
    wanted = os.environ.get("STORE_TOPOLOGY")
    if not wanted:
        yield None
        return
    kinds: dict[str, Any] = {
        "cluster": topologies.cluster,
        "sentinel": topologies.sentinel,
        "limited": topologies.limited,
    }
    with kinds[wanted]() as (url, nodes, *_watchers):
        yield url, nodes


@pytest.fixture
def store_url(single_store_url, several_processes):
    """The address of an empty database of a real store; `make test-topologies` runs on a cluster and on Sentinels."""
    if several_processes is None:
        return single_store_url
    url, nodes = several_processes
    for node in nodes:
        node.ask("FLUSHALL")
    return url


@pytest.fixture
async def single_store_url(embedded_store):
    """The address of an empty database of one real server, whatever the topology of the other tests."""
    url = f"{embedded_store.url}?db={next(_databases)}"
    store = SingleRedisClient(url)
    await store.command("FLUSHDB")
    await store.close()
    return url


@pytest.fixture
async def store(store_url):
    """A connection to an empty database of a real store."""
    # A busy machine may stall for seconds; the tests of a store that does not answer have clients of their own.
    opened = open_redis_client(store_url, timeout_seconds=10)
    yield opened
    await opened.close()
