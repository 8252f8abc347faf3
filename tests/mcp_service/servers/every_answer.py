"""Servers of the SDK that give every kind of answer, for the comparison of the two ways to call them."""

import asyncio
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Annotated, Any

from mcp.server import MCPServer
from mcp.server.lowlevel import Server
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, ListToolsResult, RequestParams, TextContent, Tool
from pydantic import BaseModel, Field

LEFT_BEHIND: list[asyncio.Task[None]] = []
SEEN: ContextVar[str] = ContextVar("seen", default="nothing")


class Wish(BaseModel):
    """What a tool asks the client for."""

    colour: str


async def raise_in_front(ctx, call_next):
    """A middleware of the operator's, which fails in its own ways."""
    if ctx.method == "prompts/list":
        raise MCPError(code=-31999, message="not today", data={"why": None})
    if ctx.method == "resources/templates/list":
        raise RuntimeError("a secret of the middleware")
    return await call_next(ctx)


async def echo(text: str) -> str:
    return text


async def many(count: int) -> list[dict[str, Any]]:
    return [{"number": number, "none": None, "text": "é\n\u2028" * 10} for number in range(count)]


async def refuse() -> str:
    raise ToolError("the tool says no")


async def crash() -> str:
    raise RuntimeError("a secret of the tool")


async def error() -> str:
    raise MCPError(code=-31001, message="an error of the protocol", data={"retry": None})


async def noisy(ctx: Context) -> str:
    await ctx.report_progress(1, 2, "half way, é")
    await ctx.info("a line of the log")
    await ctx.report_progress(2)
    return "done"


async def noisy_crash(ctx: Context) -> str:
    await ctx.report_progress(1, 2)
    raise MCPError(code=-32602, message="too late for a status")


async def ask(ctx: Context) -> str:
    answer = await ctx.elicit("Which colour?", Wish)
    return str(answer)


async def in_region(region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})]) -> str:
    return region


async def request(ctx: Context) -> dict[str, Any]:
    seen = ctx.request_context.request
    body = await seen.body()
    return {"method": seen.method, "headers": dict(seen.headers), "body": len(body), "query": seen.url.query}


async def state(ctx: Context) -> dict[str, Any]:
    return ctx.request_context.lifespan_context


async def remember(text: str) -> str:
    before = SEEN.get()
    SEEN.set(text)
    await asyncio.sleep(0)
    return f"{before}, then {SEEN.get()}"


async def slow() -> str:
    await asyncio.sleep(0.05)
    return "done at last"


async def give_up() -> str:
    cancelled: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    cancelled.cancel()
    return await cancelled


async def leave_behind(ctx: Context) -> str:
    async def later():
        while True:
            await asyncio.sleep(0)
            await ctx.report_progress(1)

    await ctx.report_progress(0)
    LEFT_BEHIND.append(asyncio.create_task(later()))
    return "done"


async def speak_too_late(ctx: Context) -> str:
    async def later():
        await asyncio.sleep(0.02)
        await ctx.report_progress(1)

    LEFT_BEHIND.append(asyncio.create_task(later()))
    return "done"


TOOLS = (
    slow,
    give_up,
    leave_behind,
    speak_too_late,
    echo,
    many,
    refuse,
    crash,
    error,
    noisy,
    noisy_crash,
    ask,
    in_region,
    request,
    state,
    remember,
)


def build_server():
    """Tools, a resource, a prompt, a middleware and a lifespan."""
    entered: list[int] = []

    @asynccontextmanager
    async def lifespan(_server):
        entered.append(len(entered) + 1)
        yield {"entered": entered[-1]}

    server = MCPServer("every answer", lifespan=lifespan, log_level="WARNING")
    server.middleware.append(raise_in_front)
    for tool in TOOLS:
        server.tool()(tool)

    @server.resource("every://answer")
    def resource() -> str:
        return "a resource"

    @server.prompt()
    def prompt(name: str) -> str:
        return f"Say hello to {name}."

    return server


class Numbers(RequestParams):
    """The params of a method of the server's own."""

    numbers: list[int]


def build_low_level_server():
    """A low-level server with a method of its own, and a list that alone knows the schemas of its tools."""

    async def list_tools(_ctx, _params):
        properties = {"region": {"type": "string", "x-mcp-header": "Region"}}
        return ListToolsResult(tools=[Tool(name="go", input_schema={"type": "object", "properties": properties})])

    async def call_tool(_ctx, params):
        return CallToolResult(content=[TextContent(type="text", text=f"{params.arguments}")])

    async def total(_ctx, params):
        if not params.numbers:
            raise RuntimeError("a secret of the method")
        return {"total": sum(params.numbers), "none": None, "text": "é"}

    server = Server("low level", on_list_tools=list_tools, on_call_tool=call_tool)
    server.add_request_handler("acme/total", Numbers, total)
    return server
