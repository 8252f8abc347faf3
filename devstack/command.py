"""Commands of a service on the deployment of `make run`: `python -m devstack.command auth_service users list`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from devstack.environment import current_environment
from devstack.run import ENVIRONMENT_FILE
from devstack.service_process import ServiceError, directory_of_the_user, with_repository

_PREFIXES = {"auth_service": "AUTH_", "mcp_service": "MCP_"}


def main() -> None:
    """Become the command, with the settings of the last `make run` on DATA_DIR."""
    service, *arguments = sys.argv[1:]
    try:
        saved = saved_settings(Path(current_environment().values.get("DATA_DIR") or ".data"))
    except ServiceError as exc:
        sys.exit(str(exc))
    become(service, arguments, saved)


def become(service: str, arguments: Sequence[str], saved: Mapping[str, str]) -> NoReturn:
    """Replace this process: Ctrl-C then reaches the command alone."""
    # A service gets nothing of the other's settings (invariant 2).
    own = {name: value for name, value in saved.items() if name.startswith(_PREFIXES[service])}
    environment = with_repository({**os.environ, **own})
    if directory := directory_of_the_user(saved):
        os.chdir(directory)
    os.execve(sys.executable, [sys.executable, "-m", service, *arguments], environment)  # noqa: S606 - no shell


def saved_settings(data_dir: Path) -> Mapping[str, str]:
    """The settings of the last `make run` on this directory. Raises ServiceError if there was none."""
    file = data_dir / ENVIRONMENT_FILE
    if not file.exists():
        raise ServiceError(f"{data_dir} was never used by `make run`: start it first, in another terminal")
    settings: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    return settings


if __name__ == "__main__":
    main()
