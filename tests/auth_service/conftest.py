"""The authorization server as a whole, for the tests of its endpoints."""

import ssl
import time
from contextlib import AsyncExitStack
from functools import partial

import jinja2
import pytest

import auth_service.app
import auth_service.pages.renderer
import auth_service.wiring
from auth_service.users.passwords import PasswordHasher
from tests.support.auth_server import CHEAP, PASSWORD, USERNAME, AuthServer, settings
from tests.support.shared_templates import CompiledTemplates


@pytest.fixture(scope="session")
def tls_context():
    """Reading the system's certificates takes longer than all the rest of a start."""
    return ssl.create_default_context()


@pytest.fixture(scope="session")
def compiled_templates():
    """Compiling the pages would take a third of every test that sees one."""
    return CompiledTemplates()


@pytest.fixture
async def start_auth(store, monkeypatch, tls_context, compiled_templates):
    """Starts the service: settings, another store, HTTP client for documents or providers, a clock that is ahead."""
    monkeypatch.setattr(ssl, "create_default_context", lambda *_args, **_kwargs: tls_context)
    monkeypatch.setattr(auth_service.wiring, "PasswordHasher", partial(PasswordHasher, parameters=CHEAP))
    environment = partial(jinja2.Environment, bytecode_cache=compiled_templates)
    monkeypatch.setattr(auth_service.pages.renderer, "Environment", environment)
    async with AsyncExitStack() as running:

        async def start(*, on=None, public_fetch=None, build_provider=None, ahead=0.0, **changes):
            build = partial(auth_service.app.build_app, public_fetch=public_fetch, build_provider=build_provider)
            server = AuthServer(build, on or store, settings(**changes), time.time, ahead=ahead)
            return await running.enter_async_context(server)

        yield start


@pytest.fixture
async def auth(start_auth):
    """The service with one user."""
    server = await start_auth()
    await server.users.add(USERNAME, PASSWORD, name="Ada Lovelace", email="ada@example.org", email_verified=True)
    return server


@pytest.fixture
async def client(auth):
    """A public client on the user's device."""
    return await auth.register(client_name="Desk")
