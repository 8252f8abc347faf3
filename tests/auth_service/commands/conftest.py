"""Fixtures for commands: the real settings, a real store, the command line in this process."""

import json
from dataclasses import dataclass

import pytest
from typer.testing import CliRunner, Result

from auth_service.commands.app import app
from auth_service.data_format import check_data_format
from shared.redis.single import SingleRedisClient


@dataclass
class CommandLine:
    """Runs commands as an operator would."""

    environment: dict[str, str]

    def run(self, *args, stdin="", env=None) -> Result:
        result = CliRunner(env={**self.environment, **(env or {})}).invoke(app, list(args), input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    def json(self, *args, stdin=""):
        result = self.run(*args, "--json", stdin=stdin)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)


@pytest.fixture
def environment(embedded_store):
    """Complete AUTH_* settings on an empty database. Synchronous: commands bring their own event loop."""
    import asyncio

    url = f"{embedded_store.url}?db=15"

    async def empty():
        store = SingleRedisClient(url)
        await store.command("FLUSHDB")
        await check_data_format(store)
        await store.close()

    asyncio.run(empty())
    return {
        "AUTH_ISSUER": "http://localhost:9000",
        "AUTH_RESOURCES": json.dumps(
            [
                {
                    "identifier": "http://localhost:9001/mcp",
                    "name": "Notes",
                    "scopes": {"notes:read": {"description": "Read notes"}},
                    "default_scopes": ["notes:read"],
                }
            ]
        ),
        "AUTH_REDIS_URL": url,
        "AUTH_DRAIN_SECONDS": "0",
        "AUTH_KEY_ENCRYPTION_KEY": "aW5zZWN1cmUA_xORgu9cKJ53AfhC0bF2dkE5l6yqHvw",
    }


@pytest.fixture
def commands(environment, monkeypatch):
    import os

    for name in list(os.environ):
        if name.startswith("AUTH_"):
            monkeypatch.delenv(name)
    return CommandLine(environment)
