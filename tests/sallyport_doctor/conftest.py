"""Fixtures that run the doctor against a model server in-process or through its command line."""

import asyncio

import pytest
from typer.testing import CliRunner

from sallyport_doctor.cli import app
from sallyport_doctor.knowledge.catalogue import load_knowledge
from sallyport_doctor.run import RunOptions
from sallyport_doctor.run import run as run_doctor
from tests.sallyport_doctor.faulty_servers.faults_resource_metadata import ResourceWithSlash
from tests.sallyport_doctor.faulty_servers.healthy import HealthyServer
from tests.sallyport_doctor.user import sign_in_by_forms


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
    """Start a model server, examine it and return the diagnosis."""
    started: list[HealthyServer] = []

    async def examine(model, *, user=sign_in_by_forms, **options):
        if not started or started[-1] is not model:
            await model.start()
            started.append(model)
        options = {"url": model.entered, "timeout_seconds": 10, "wait_seconds": 10} | options
        return await run_doctor(RunOptions(**options), knowledge=knowledge, open_page=user)

    yield examine
    for model in started:
        await model.stop()


@pytest.fixture
def command():
    """Run the command; return its exit status and output. It runs in a thread, as it starts an event loop."""

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
async def faulty():
    model = ResourceWithSlash()
    await model.start()
    yield model
    await model.stop()
