"""The doctor's tests: a way to run it on a model server, and what it found."""

import pytest

from shared.doctor.knowledge.catalogue import load_catalogue
from shared.doctor.knowledge.clients import load_clients
from shared.doctor.visit import Visit, visit
from tests.doctor.person import sign_in_by_forms


@pytest.fixture(scope="session")
def catalogue():
    return load_catalogue()


@pytest.fixture(scope="session")
def client_table():
    return load_clients()


@pytest.fixture
async def run():
    """Start a model server, visit it, and give the diagnosis."""
    started = []

    async def look(model, *, person=sign_in_by_forms, **wanted):
        if not started or started[-1] is not model:
            await model.start()
            started.append(model)
        wanted = {"url": model.resource, "timeout_seconds": 10, "wait_seconds": 10} | wanted
        return await visit(Visit(**wanted), open_page=person)

    yield look
    for model in started:
        await model.stop()
