"""A server in a process of its own, which a test kills: `python -m tests.support.killed_upstream PORT FILE`.

It appends the id of each request to the file before it answers.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.raw_upstream import RawRequest, RawUpstream, echo

if TYPE_CHECKING:
    from asyncio import StreamWriter

WORK_SECONDS = 0.02


async def serve(port: int, file: Path) -> None:
    """Serve until the process is killed."""
    upstream = RawUpstream()
    with file.open("a", encoding="ascii", buffering=1) as executed:

        async def answer(request: RawRequest, writer: StreamWriter) -> None:
            executed.write(f"{request.rpc_id}\n")
            await asyncio.sleep(WORK_SECONDS)
            await echo(request, writer)

        upstream.answer = answer
        await upstream.start(port)
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
