"""The name, tools, resources and prompts of a server, read by the client of the mcp SDK.

For commands of the operator only; no request of a client comes here. Bounded in time and in the number of pages and
names.
"""

from __future__ import annotations

import asyncio
import re
import shlex
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import httpx2
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.server import MCPServer
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types import METHOD_NOT_FOUND

from mcp_service.servers.loading import load_server
from mcp_service.servers.mcp_client import (
    ANSWER_SECONDS,
    FailureExplainer,
    HttpAccess,
    HttpFailureExplainer,
    client_at,
)

MAX_PAGES: Final = 100
MAX_NAMES: Final = 5000
"""The limit for each kind of name. The list of a server may have no end."""

_PYTHON: Final = re.compile(r"(?:[\w.]+|\S+\.py):[A-Za-z_][\w.]*")


class UnreadableServer(Exception):
    """The server cannot be read. The text is for the operator."""


class NoMcpServer(UnreadableServer):
    """Nothing that speaks MCP answers there, or not in time."""


@dataclass(frozen=True, slots=True)
class ListedTool:
    """A tool, and whether the server says that it only reads (`readOnlyHint`)."""

    name: str
    reads_only: bool


@dataclass(frozen=True, slots=True)
class ServerContents:
    """The lists of a server."""

    name: str
    tools: tuple[ListedTool, ...] = ()
    prompts: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    """URIs."""
    templates: tuple[str, ...] = ()
    """URI templates."""


async def read_server(source: str, *, access: HttpAccess, seconds: float) -> ServerContents:
    """Read the server at a URL, of a command, or at `package.module:attribute`. Raises UnreadableServer, Misconfigured.

    Both eras of the protocol are tried. `access` is for a URL.
    """
    if source.startswith(("http://", "https://")):
        explainer = HttpFailureExplainer(source, access)
        return await _read(
            lambda mode: client_at(source, access, explainer, mode), ("auto", "legacy"), seconds, explainer
        )
    if _PYTHON.fullmatch(source):
        server = load_server(source)
        if not isinstance(server, MCPServer | Server):
            raise UnreadableServer(f"{source} is a FastMCP object; name its command: --from 'fastmcp run {source}'")
        return await _read(lambda _mode: Client(server), ("auto",), seconds, FailureExplainer())
    if re.fullmatch(r"\S+\.py", source) and shutil.which(source) is None:
        raise UnreadableServer(
            f"{source} is not executable: name an object in it ({source}:server) or a command ('python {source}')"
        )
    try:
        command, *arguments = shlex.split(source)
    except ValueError as exc:
        raise UnreadableServer(f"{source!r} is not a command: {exc}") from exc
    parameters = StdioServerParameters(command=command, args=arguments)
    # A child decides by its first request which era it speaks; the older one is understood by nearly all.
    return await _read(
        lambda mode: Client(parameters, mode=mode, read_timeout_seconds=ANSWER_SECONDS),
        ("legacy", "auto"),
        seconds,
        FailureExplainer(),
    )


async def _read(
    connect: Callable[[Any], Any], modes: tuple[str, ...], seconds: float, explainer: FailureExplainer
) -> ServerContents:
    failure = ""
    try:
        async with asyncio.timeout(seconds):
            for mode in modes:
                try:
                    async with connect(mode) as client:
                        return await _contents(client)
                except* UnreadableServer as group:
                    raise _leaf(group) from None
                except* (MCPError, OSError, httpx2.HTTPError, RuntimeError, ValueError) as group:
                    failure = explainer.explain(_leaf(group))
                if explainer.is_final:
                    break
    except TimeoutError as exc:
        raise NoMcpServer(f"no complete answer within {seconds:g} seconds") from exc
    raise NoMcpServer(await explainer.explain_after_probe(failure))


def _leaf(group: BaseExceptionGroup[Any]) -> Exception:
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    assert isinstance(found, Exception)  # noqa: S101 - the clauses above name no others
    return found


async def _contents(client: Client) -> ServerContents:
    can = client.server_capabilities
    tools = await _all(client.list_tools, "tools") if can.tools else []
    prompts = await _all(client.list_prompts, "prompts") if can.prompts else []
    resources = await _all(client.list_resources, "resources") if can.resources else []
    templates = await _all(client.list_resource_templates, "resource_templates") if can.resources else []
    if not tools and not prompts and not resources and not templates:
        raise UnreadableServer("it lists no tools, prompts or resources, so there is nothing to name in a map")
    info = client.server_info
    return ServerContents(
        name=(info.title or info.name) if info is not None else "",
        tools=tuple(ListedTool(t.name, bool(t.annotations and t.annotations.read_only_hint)) for t in tools),
        prompts=tuple(p.name for p in prompts),
        resources=tuple(str(r.uri) for r in resources),
        templates=tuple(t.uri_template for t in templates),
    )


async def _all(fetch: Callable[..., Awaitable[Any]], member: str) -> list[Any]:
    """The items of all pages."""
    found: list[Any] = []
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        try:
            page = await fetch(cursor=cursor)
        except MCPError as exc:
            if exc.code == METHOD_NOT_FOUND:
                return found
            raise UnreadableServer(f"it refuses to list its {member.replace('_', ' ')}: {exc.message:.200}") from exc
        found += getattr(page, member)
        cursor = page.next_cursor
        if cursor is None:
            return found
        if len(found) > MAX_NAMES:
            break
    raise UnreadableServer(
        f"its list of {member.replace('_', ' ')} does not end: more than {len(found)} on {MAX_PAGES} pages"
    )
