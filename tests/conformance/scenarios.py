"""Runs the server scenarios of the official conformance suite that one revision of the specification requires."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

OLDER = "2025-11-25"
NEWER = "2026-07-28"
SCENARIOS = {OLDER: 33, NEWER: 37}
"""Number of scenarios that a revision requires."""


async def run_scenarios(packages: Path, url: str, revision: str, results: Path) -> None:
    """Run those of the revision; each leaves a folder of results."""
    process = await asyncio.create_subprocess_exec(
        str(packages / ".bin/node"),
        str(packages / "@modelcontextprotocol/conformance/dist/index.js"),
        "server",
        "--url",
        url,
        "--requirements",
        revision,
        "--output-dir",
        str(results),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    await process.wait()


def statuses(results: Path) -> dict[str, list[tuple[str, str]]]:
    """The checks of each scenario by its name, each with its status."""
    found = {}
    for checks in results.glob("*/checks.json"):
        name = re.sub(r"^server-|-\d{4}-\d\d-\d\dT.*$", "", checks.parent.name)
        found[name] = [(check["id"], check["status"]) for check in json.loads(checks.read_text())]
    return found
