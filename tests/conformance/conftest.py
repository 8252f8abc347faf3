"""The official conformance suite and the Node that it needs, installed once for all scenarios."""

from __future__ import annotations

import asyncio
import shutil

import pytest

SUITE = "@modelcontextprotocol/conformance@0.2.0-alpha.12"
NODE = "node@22"


@pytest.fixture(scope="session")
def packages(tmp_path_factory):
    """The folder of the suite and of the Node that it wants."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm on the path")
    folder = tmp_path_factory.mktemp("conformance")

    async def install():
        process = await asyncio.create_subprocess_exec(
            npm,
            "install",
            "--no-audit",
            "--no-fund",
            "--prefix",
            str(folder),
            NODE,
            SUITE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        return await process.wait()

    node = folder / "node_modules/.bin/node"
    if asyncio.run(install()) or not node.exists():
        pytest.skip(f"npm could not install {SUITE} and {NODE}")
    return folder / "node_modules"
