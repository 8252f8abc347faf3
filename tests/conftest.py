"""Fixtures that every room uses: a real store, one server per test session, one database per test."""

import itertools
import shutil
import tempfile
from pathlib import Path

import pytest

from devstack.embedded_store import EmbeddedStore
from shared.store import SingleStore

pytest_plugins = ["tests.browser"]

_databases = itertools.cycle(range(16))


@pytest.fixture(scope="session")
def embedded_store():
    # A short path: unix sockets allow about a hundred bytes.
    directory = Path(tempfile.mkdtemp(prefix="sp-"))
    with EmbeddedStore(directory) as store:
        yield store
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
async def store_url(embedded_store):
    """The address of an empty database of a real store."""
    url = f"{embedded_store.url}?db={next(_databases)}"
    store = SingleStore(url)
    await store.command("FLUSHDB")
    await store.close()
    return url


@pytest.fixture
async def store(store_url):
    """A connection to an empty database of a real store."""
    opened = SingleStore(store_url)
    yield opened
    await opened.close()
