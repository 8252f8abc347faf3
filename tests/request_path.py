"""`make request-path`: lists the project files that a request enters, and writes the table of docs/architecture.md.

Both services run in this process. A profile function sees every call of a Python function; a file of the project in
which a function was called while one request was answered counts as entered. Background work is left out: it does
not run during each of several requests. So is the tool that is called: its file stands for the operator's.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from devstack.service_process import REPOSITORY
from tests.e2e.local_pair import LocalPair
from tests.support.plain_client import PlainClient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import FrameType

DOCUMENT: Final = REPOSITORY / "docs" / "architecture.md"
BEGIN: Final = "<!-- request path: begin -->"
END: Final = "<!-- request path: end -->"
_PACKAGES: Final = ("auth_service", "mcp_service", "shared")
_TOOL: Final = "mcp_service/notes/server.py"
_WARM_UP: Final = 5
_MEASURED: Final = 3


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


async def measure() -> dict[str, list[str]]:
    """The files entered by a refresh at /token, and by a call of /mcp with a token seen before."""
    async with LocalPair() as pair:
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

            return {
                "refresh at `/token`": await entered_files(refresh),
                "`/mcp` with a token seen before": await entered_files(call),
            }


def table(measured: dict[str, list[str]]) -> str:
    """The table of docs/architecture.md."""
    rows = ["| request | files | which |", "|---|---|---|"]
    for name, files in measured.items():
        rows.append(f"| {name} | {len(files)} | {', '.join(f'`{file}`' for file in files)} |")
    return "\n".join(rows)


def written(document: str, new_table: str) -> str:
    """The document with its table replaced."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{new_table}\n{END}{after}"


def main() -> None:
    """Measure, print, and write the table."""
    measured = asyncio.run(measure())
    for name, files in measured.items():
        print(f"{name}: {len(files)} files")
        for file in files:
            print(f"  {file}")
    DOCUMENT.write_text(written(DOCUMENT.read_text(encoding="utf-8"), table(measured)), encoding="utf-8")


if __name__ == "__main__":
    main()
