"""`make request-path`: lists the project files that a request enters, and writes the table of docs/architecture.md.

Both services run in this process as `serve()` runs them, and log as they do. A profile function sees every call of a
Python function; a file of the project in which a function was called while one request was answered counts as entered.
Background work is left out: it does not run during each of several requests. So is the tool that is called: its file
stands for the operator's.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import uvloop
from prometheus_client import CollectorRegistry

from devstack.service_process import REPOSITORY
from shared.http.serve import serve
from shared.logs.configuration import service_logs
from tests.e2e.local_pair import LOOPBACK, LocalPair
from tests.support.plain_client import PlainClient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import FrameType

    from aiohttp import web

DOCUMENT: Final = REPOSITORY / "docs" / "architecture.md"
BEGIN: Final = "<!-- request path: begin -->"
END: Final = "<!-- request path: end -->"
_PACKAGES: Final = ("auth_service", "mcp_service", "shared")
_LOGS: Final = "shared/logs"
_TOOL: Final = "mcp_service/notes/server.py"
_WARM_UP: Final = 5
_MEASURED: Final = 10


class RequestPath(NamedTuple):
    """The files that a request enters, at most so many of them, and those that its log line enters."""

    request: str
    limit: int
    files: list[str]
    log_files: list[str]


class ServedPair(LocalPair):
    """The pair, each service under `serve()`."""

    async def _serve(self, app: web.Application, port: int) -> None:
        ready = asyncio.Event()
        serving = asyncio.create_task(
            serve(app, hosts=LOOPBACK, port=port, drain_seconds=0, shutdown_seconds=1, on_ready=ready.set)
        )

        async def stop() -> None:
            serving.cancel()
            await asyncio.wait([serving])

        self.stops.append(stop)
        await ready.wait()


async def entered_files(request: Callable[[], Awaitable[Any]]) -> list[str]:
    """The files that every request enters once caches are warm, sorted, relative to the repository."""
    for _ in range(_WARM_UP):
        await request()
    entered = set.intersection(*[await _called_files(request) for _ in range(_MEASURED)])
    inside = (Path(name) for name in entered)
    relative = (path.relative_to(REPOSITORY) for path in inside if path.is_relative_to(REPOSITORY))
    return sorted({str(path) for path in relative if path.parts[0] in _PACKAGES} - {_TOOL})


async def _called_files(request: Callable[[], Awaitable[Any]]) -> set[str]:
    """The files of all functions that are called during one request."""
    called: set[str] = set()

    def see(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            called.add(frame.f_code.co_filename)

    sys.setprofile(see)
    try:
        await request()
    finally:
        sys.setprofile(None)
    return called


async def measure() -> list[RequestPath]:
    """The files entered by a refresh at /token, and by a call of /mcp with a token seen before."""
    async with ServedPair() as pair:
        alice = await pair.add_user_agent("alice")
        async with alice as user, PlainClient(pair) as client:
            tokens = await client.tokens(user)
            refresh_token = tokens["refresh_token"]

            async def refresh() -> None:
                nonlocal refresh_token
                form = {"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": client.client_id}
                async with client.http.post(f"{pair.issuer}/token", data=form) as response:
                    refresh_token = (await response.json())["refresh_token"]

            async def call() -> None:
                status, _headers, _answer = await client.call_tool(tokens["access_token"])
                assert status == 200

            return [
                _path("refresh at `/token`", 20, await entered_files(refresh)),
                _path("`/mcp` with a token seen before", 12, await entered_files(call)),
            ]


def _path(request: str, limit: int, entered: list[str]) -> RequestPath:
    log_files = [file for file in entered if file.startswith(f"{_LOGS}/")]
    return RequestPath(request, limit, [file for file in entered if file not in log_files], log_files)


def table(measured: list[RequestPath]) -> str:
    """The table of docs/architecture.md."""
    rows = ["| request | files | which | for its log line |", "|---|---|---|---|"]
    for path in measured:
        files, log_files = (", ".join(f"`{file}`" for file in names) for names in (path.files, path.log_files))
        count = f"{len(path.files)}, {len(path.files) + len(path.log_files)} with its log line"
        rows.append(f"| {path.request} | {count} | {files} | {log_files} |")
    return "\n".join(rows)


def written(document: str, new_table: str) -> str:
    """The document with its table replaced."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{new_table}\n{END}{after}"


def main() -> None:
    """Measure, print, and write the table. With `--check` it is compared, and files beyond a limit are an error."""
    parser = argparse.ArgumentParser(prog="python -m tests.request_path", description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="compare the table, write nothing")
    is_check = parser.parse_args().check
    with (
        open(os.devnull, "w", encoding="utf-8") as nowhere,  # noqa: PTH123 - no file
        contextlib.redirect_stderr(nowhere),
        service_logs(level="info", log_format="json", registry=CollectorRegistry()),
    ):
        measured = uvloop.run(measure())
    for path in measured:
        print(f"{path.request}: {len(path.files)} files, at most {path.limit}")
        for file in (*path.files, *(f"{file} (the log line)" for file in path.log_files)):
            print(f"  {file}")
    document = DOCUMENT.read_text(encoding="utf-8")
    current = written(document, table(measured))
    if not is_check:
        DOCUMENT.write_text(current, encoding="utf-8")
        return
    if any(len(path.files) > path.limit for path in measured):
        sys.exit("a request enters more files than it may")
    if current != document:
        sys.exit("docs/architecture.md has another table: run `make request-path`")


if __name__ == "__main__":
    main()
