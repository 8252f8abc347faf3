"""Commands of auth_service on the deployment of `make run`: `python -m devstack.command users list`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from devstack.run import ENVIRONMENT_FILE
from devstack.service_process import with_repository


def main() -> int:
    """Run the command with the settings of the last `make run` on DATA_DIR. Returns its exit code."""
    file = Path(os.environ.get("DATA_DIR") or ".data") / ENVIRONMENT_FILE
    if not file.exists():
        print(f"{file.parent} was never used by `make run`: start it first", file=sys.stderr)
        return 1
    environment = {**os.environ, **json.loads(file.read_text(encoding="utf-8"))}
    command = [sys.executable, "-m", "auth_service", *sys.argv[1:]]
    return subprocess.run(command, env=with_repository(environment), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
