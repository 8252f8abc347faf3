"""What a server lists: its name, tools, resources and prompts, read by the client of the mcp SDK.

For the command `scopes` only; no request of a client comes here. Bounded in time and in the number of pages and names.
"""

from __future__ import annotations

import asyncio
import re
import shlex
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx2
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.server import MCPServer
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types import METHOD_NOT_FOUND

from mcp_service.servers.loading import load_server

MAX_PAGES: Final = 100
MAX_NAMES: Final = 5000
"""Of each kind. A server whose list never ends is told."""

_PYTHON: Final = re.compile(r"(?:[\w.]+|\S+\.py):[A-Za-z_][\w.]*")
_ANSWER_SECONDS: Final = 15.0
"""How long one request may wait, of the time for all: a server that ignores one way to begin is asked the other."""


class UnreadableServer(Exception):
    """The server cannot be read. The text is for the operator."""


@dataclass(frozen=True, slots=True)
class ListedTool:
    """A tool, and whether the server says that it only reads (`readOnlyHint`)."""

    name: str
    reads_only: bool


@dataclass(frozen=True, slots=True)
class ServerContents:
    """What a server lists."""

    name: str
    tools: tuple[ListedTool, ...] = ()
    prompts: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    """URIs."""
    templates: tuple[str, ...] = ()
    """URI templates."""


async def read_server(source: str, *, headers: Mapping[str, str], seconds: float) -> ServerContents:
    """Read the server at a URL, of a command, or at `package.module:attribute`. Raises UnreadableServer, Misconfigured.

    Both eras of the protocol are tried.
    """
    if source.startswith(("http://", "https://")):
        problem = _HttpProblem()
        return await _read(lambda mode: _at_url(source, headers, problem, mode), ("auto", "legacy"), seconds, problem)
    if _PYTHON.fullmatch(source):
        server = load_server(source)
        if not isinstance(server, MCPServer | Server):
            raise UnreadableServer(f"{source} is a FastMCP object; name its command: --from 'fastmcp run {source}'")
        return await _read(lambda _mode: Client(server), ("auto",), seconds, _Problem())
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
        lambda mode: Client(parameters, mode=mode, read_timeout_seconds=_ANSWER_SECONDS),
        ("legacy", "auto"),
        seconds,
        _Problem(),
    )


class _Problem:
    """Puts the failure of a connection into words."""

    is_final = False
    """Whether another attempt would fail alike."""

    def explain(self, exc: Exception) -> str:
        """The sentence for the operator."""
        if isinstance(exc, FileNotFoundError | PermissionError):
            self.is_final = True
            return f"the command cannot be started: {exc.strerror or exc}"
        if isinstance(exc, httpx2.ConnectError):
            self.is_final = True
            return f"{'no TLS connection' if str(exc).startswith('[SSL') else 'nothing answers there'}: {exc}"
        return f"it does not answer as an MCP server: {str(exc) or type(exc).__name__}"


class _HttpProblem(_Problem):
    """The same, with what the HTTP responses said: the SDK's client does not tell."""

    def __init__(self) -> None:
        self._words: str | None = None

    async def see(self, response: httpx2.Response) -> None:
        """Remember a response that explains why the connection fails."""
        status, content_type = response.status_code, response.headers.get("content-type", "none")
        words = None
        if status in {401, 403}:
            self.is_final = True
            words = (
                f"it answers {status}, so it wants credentials of its own: give --header 'Authorization: …', "
                "or reach it at an address where it needs none"
            )
        elif response.is_redirect:
            self.is_final = True
            words = f"it answers {status}, a redirect to {response.headers.get('location', '')!r:.200}: name that URL"
        elif status == 404:
            words = "there is nothing at this path (404); the path is often /mcp"
        elif status >= 400:
            words = f"it answers {status}"
        elif status == 200 and not content_type.startswith(("application/json", "text/event-stream")):
            words = f"it answers with {content_type:.80}, which is not MCP"
        self._words = self._words or words

    def explain(self, exc: Exception) -> str:
        """The sentence for the operator."""
        return super().explain(exc) if self._words is None else self._words


@asynccontextmanager
async def _at_url(url: str, headers: Mapping[str, str], problem: _HttpProblem, mode: Any) -> AsyncIterator[Client]:
    async with (
        httpx2.AsyncClient(
            headers=dict(headers), timeout=_ANSWER_SECONDS, event_hooks={"response": [problem.see]}
        ) as http,
        Client(
            streamable_http_client(url, http_client=http), mode=mode, read_timeout_seconds=_ANSWER_SECONDS
        ) as client,
    ):
        yield client


async def _read(
    connect: Callable[[Any], Any], modes: tuple[str, ...], seconds: float, problem: _Problem
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
                    failure = problem.explain(_leaf(group))
                if problem.is_final:
                    break
    except TimeoutError as exc:
        raise UnreadableServer(f"no complete answer within {seconds:g} seconds") from exc
    raise UnreadableServer(failure)


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
