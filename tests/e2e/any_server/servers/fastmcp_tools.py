"""FastMCP without authorization of its own. Argument: a port, which serves HTTP, or `stdio`; further, `stateless`."""

import sys

from fastmcp import Context, FastMCP

server = FastMCP("fastmcp")


@server.tool  # type: ignore[untyped-decorator]  # FastMCP is installed apart
def greet(name: str) -> str:
    """Greet."""
    return f"Hello, {name}!"


@server.tool  # type: ignore[untyped-decorator]
async def count(ctx: Context) -> str:
    """Report progress."""
    for progress in (1, 2, 3):
        await ctx.report_progress(progress, 3)
    return "Counted."


@server.tool  # type: ignore[untyped-decorator]
async def ask(ctx: Context) -> str:
    """Ask the user."""
    answer = await ctx.elicit("What is your name?", response_type=str)
    return f"Hello, {answer.data}!"


@server.tool  # type: ignore[untyped-decorator]
def archive() -> str:
    """Archive."""
    return "Archived."


if sys.argv[1] == "stdio":
    server.run(show_banner=False)
else:
    server.run(
        transport="http",
        host="127.0.0.1",
        port=int(sys.argv[1]),
        stateless_http="stateless" in sys.argv,
        show_banner=False,
    )
