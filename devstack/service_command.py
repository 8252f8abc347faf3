"""A command of one of the services, run to its end: `python -m auth_service users add …`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from devstack.service_process import with_repository


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command answered."""

    succeeded: bool
    output: str
    errors: str

    @property
    def said(self) -> str:
        """Everything it printed."""
        return "\n".join(filter(None, [self.output, self.errors]))


async def service_command(module: str, environment: Mapping[str, str], *arguments: str, stdin: str = "") -> Outcome:
    """Run `python -m module arguments…`; `stdin` is one line that it may read."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        env=with_repository(environment),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate(f"{stdin}\n".encode() if stdin else b"")
    return Outcome(
        process.returncode == 0, output.decode(errors="replace").strip(), errors.decode(errors="replace").strip()
    )
