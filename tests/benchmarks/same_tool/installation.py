"""Third-party servers in environments of their own, under build/: they bring many packages along."""

from __future__ import annotations

import asyncio
import subprocess
import venv
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from devstack.service_process import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

SHARED: Final = ("mcp", "pydantic", "cryptography", "uvicorn", "starlette", "uvloop")
"""Packages that both servers use, in the same versions."""
PACKAGES: Final = {
    "fastmcp": ("fastmcp-slim[client,server]==4.2.3", "httptools==0.9.0"),
    "sdk": ("httptools==0.9.0",),
}
"""Further packages of each environment."""


class NotInstallable(Exception):
    """The package index cannot be reached, or has not got it. The text is for the reader of the table."""


async def python_with(name: str) -> Path:
    """The Python of an environment. Installs on first use, and again for other versions. Raises NotInstallable."""
    wanted = [*PACKAGES[name], *(f"{package}=={version(package)}" for package in SHARED)]
    directory = REPOSITORY / "build" / f"benchmark-{name}"
    installed = directory / "installed.txt"
    if not installed.exists() or installed.read_text(encoding="utf-8").splitlines() != wanted:
        await asyncio.to_thread(_install, directory, wanted)
        installed.write_text("\n".join(wanted), encoding="utf-8")
    return directory / "bin" / "python"


def _install(directory: Path, wanted: list[str]) -> None:
    print(f"  installing {wanted[0]} …", flush=True)
    venv.create(directory, with_pip=True, clear=True)
    command = [directory / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
    try:
        subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True, timeout=540)
    except subprocess.CalledProcessError as exc:
        said = exc.stderr.strip().splitlines() or ["pip failed"]
        raise NotInstallable(f"{wanted[0]} could not be installed: {said[-1][:120]}") from exc
    except subprocess.TimeoutExpired as exc:
        raise NotInstallable(f"{wanted[0]} could not be installed in nine minutes") from exc
