"""FastMCP in an environment of its own, under build/: it brings many packages along."""

from __future__ import annotations

import asyncio
import subprocess
import venv
from importlib.metadata import version
from pathlib import Path
from typing import Final

from devstack.service_process import REPOSITORY

DIRECTORY: Final = REPOSITORY / "build" / "benchmark-fastmcp"
SHARED: Final = ("mcp", "pydantic", "cryptography", "uvloop")
"""What both servers stand on, in the same versions."""


class NotInstallable(Exception):
    """The package index cannot be reached, or has not got it. The text is for the reader of the table."""


async def python_with_fastmcp() -> Path:
    """Its Python. Installs on first use, and again when other versions are asked for. Raises NotInstallable."""
    wanted = Path(__file__).with_name("requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = [line for line in wanted if not line.startswith("#")] + [f"{name}=={version(name)}" for name in SHARED]
    python, installed = DIRECTORY / "bin" / "python", DIRECTORY / "installed.txt"
    if not installed.exists() or installed.read_text(encoding="utf-8").splitlines() != wanted:
        await asyncio.to_thread(_install, python, wanted)
        installed.write_text("\n".join(wanted), encoding="utf-8")
    return python


def _install(python: Path, wanted: list[str]) -> None:
    print("  installing FastMCP …", flush=True)
    venv.create(DIRECTORY, with_pip=True, clear=True)
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
    try:
        subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True, timeout=540)
    except subprocess.CalledProcessError as exc:
        said = exc.stderr.strip().splitlines() or ["pip failed"]
        raise NotInstallable(f"FastMCP could not be installed: {said[-1][:120]}") from exc
    except subprocess.TimeoutExpired as exc:
        raise NotInstallable("FastMCP could not be installed in nine minutes") from exc
