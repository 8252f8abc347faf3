"""A server whose lifespan runs a task of its own, which fails when a test says so."""

import asyncio
from contextlib import asynccontextmanager

import anyio
from mcp.server import MCPServer

scopes = {"scopes": {"task:use": "Use"}, "default": "task:use"}


class Task:
    """What the lifespan does, for the test that runs in the same process."""

    def __init__(self) -> None:
        self.starts = 0
        self.fail = asyncio.Event()
        self.is_held = asyncio.Event()
        self.release = asyncio.Event()


task = Task()


@asynccontextmanager
async def lifespan(_server):
    """Run the task; its failure ends the lifespan."""
    task.starts += 1
    task.fail.clear()

    async def run():
        await task.fail.wait()
        raise ConnectionError("the database has gone")

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        yield task.starts
        group.cancel_scope.cancel()


def make_server() -> MCPServer:
    """The server; one tool answers with the number of starts, the other delays the end of the lifespan."""
    server = MCPServer("with task", lifespan=lifespan)

    @server.tool()
    async def starts() -> str:
        return str(task.starts)

    @server.tool()
    async def hold() -> str:
        task.is_held.set()
        with anyio.CancelScope(shield=True):
            await task.release.wait()
        return "released"

    return server
