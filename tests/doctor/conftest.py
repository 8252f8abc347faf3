"""The doctor's tests: a way to run it on a model server, and what it found."""

import pytest

from shared.doctor.knowledge.load import load_knowledge
from shared.doctor.visit import Visit, visit
from tests.doctor.person import sign_in_by_forms


@pytest.fixture(scope="session")
def knowledge():
    return load_knowledge()


@pytest.fixture(scope="session")
def catalogue(knowledge):
    return knowledge.catalogue


@pytest.fixture(scope="session")
def client_table(knowledge):
    return knowledge.clients


@pytest.fixture
async def run(knowledge):
    """Start a model server, visit it, and give the diagnosis."""
    started = []

    async def look(model, *, person=sign_in_by_forms, **wanted):
        if not started or started[-1] is not model:
            await model.start()
            started.append(model)
        wanted = {"url": model.resource, "timeout_seconds": 10, "wait_seconds": 10} | wanted
        return await visit(Visit(**wanted), knowledge=knowledge, open_page=person)

    yield look
    for model in started:
        await model.stop()
