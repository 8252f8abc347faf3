"""The doctor's tests: a way to run it on a model server, and what it found."""

import pytest

from shared.doctor.asker import Asker
from shared.doctor.diagnosis import diagnose
from shared.doctor.examine import examine
from shared.doctor.knowledge.catalogue import load_catalogue
from shared.doctor.knowledge.clients import load_clients
from shared.doctor.names import Names


@pytest.fixture(scope="session")
def catalogue():
    return load_catalogue()


@pytest.fixture(scope="session")
def client_table():
    return load_clients()


@pytest.fixture
async def run(catalogue, client_table):
    """Start a model server, look at it from outside, and give the diagnosis."""
    started = []

    async def look(model, *, url=None):
        await model.start()
        started.append(model)
        names = Names()
        url = url or model.resource
        async with Asker(url, names=names, timeout_seconds=10) as asker:
            return diagnose(await examine(url, asker=asker, names=names), catalogue, client_table)

    yield look
    for model in started:
        await model.stop()
