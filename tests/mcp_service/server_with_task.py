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
    """The server; its tool answers with the number of starts."""
    server = MCPServer("with task", lifespan=lifespan)

    @server.tool()
    async def starts() -> str:
        return str(task.starts)

    return server
