"""A server whose tools take their time: loaded through MCP_SERVER by the tests of streams and disconnects."""

import asyncio

from mcp.server import MCPServer
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.mcpserver import Context

server = MCPServer("slow")

scopes = {"scopes": {"slow:use": "Wait"}, "default": "slow:use"}


class Watch:
    """What the tools did, for the test that runs in the same process."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.started = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.go_on = asyncio.Event()


watch = Watch()


@server.tool()
async def wait_for_ever() -> str:
    """Never end by itself."""
    watch.started.set()
    try:
        await asyncio.get_running_loop().create_future()
    except asyncio.CancelledError:
        watch.cancelled.set()
        raise
    return "never"


@server.tool()
async def report(ctx: Context) -> str:
    """Tell of progress, wait to be told to go on, tell again."""
    await ctx.report_progress(1, 2, "half way")
    watch.started.set()
    await watch.go_on.wait()
    await ctx.report_progress(2, 2, "done")
    return "reported"


@server.tool()
async def who() -> str:
    """The verified principal, and what is left of the token."""
    token = get_access_token()
    return "nobody" if token is None else f"{token.subject} {token.client_id} {' '.join(token.scopes)} [{token.token}]"


@server.tool()
async def who_later() -> str:
    """The principal before and after other calls had their turn."""
    before = await who()
    watch.started.set()
    await watch.go_on.wait()
    return f"{before}, {await who()}"


@server.tool()
def blocking_who() -> str:
    """The same from a thread."""
    token = get_access_token()
    return "nobody" if token is None else f"{token.subject}"


@server.resource("slow://state")
def state() -> str:
    """A resource."""
    return "slow"


@server.prompt()
def hurry() -> str:
    """A prompt."""
    return "Hurry up."
