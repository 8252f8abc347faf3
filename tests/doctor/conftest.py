"""The doctor's tests: ways to run it on a model server, and what it found or wrote."""

import asyncio

import pytest
from typer.testing import CliRunner

from sallyport_doctor.cli import app
from sallyport_doctor.knowledge.load import load_knowledge
from sallyport_doctor.visit import Visit, visit
from tests.doctor.person import sign_in_by_forms
from tests.doctor.zoo.faults_resource_metadata import ResourceWithSlash
from tests.doctor.zoo.healthy import HealthyServer


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


@pytest.fixture
def command():
    """Run the command and give its exit status and what it wrote. In a thread: it has an event loop of its own."""

    async def invoke(*arguments, given=None):
        result = await asyncio.to_thread(CliRunner().invoke, app, arguments, input=given)
        return result.exit_code, result.stdout, result.stderr

    return invoke


@pytest.fixture
async def healthy():
    model = HealthyServer()
    await model.start()
    yield model
    await model.stop()


@pytest.fixture
async def ill():
    model = ResourceWithSlash()
    await model.start()
    yield model
    await model.stop()
