"""The environment of `make run` and of the commands beside it: that of the process, and the file `.env`.

docker compose reads the same file for `make up`. A variable of the process wins, also an empty one.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dotenv import dotenv_values  # pydantic-settings requires it

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE: Final = ".env"
_OWN_FILES: Final = "SALLYPORT_MCP_FILES"
_NAMED_FROM_THERE: Final = ("MCP_SERVER", "MCP_UPSTREAM_COMMAND", "MCP_SCOPES")
_NAME: Final = re.compile(r"\b[A-Z][A-Z0-9_]+\b")


@dataclass(frozen=True, slots=True)
class Environment:
    """The variables, and where those of the file come from."""

    values: dict[str, str]
    file: Path
    from_file: frozenset[str]
    """The names of the variables that the file gave."""

    def origin(self, text: str) -> str:
        """A line that says which of the variables named in the text come from the file; empty if none does."""
        names = sorted(self.from_file.intersection(_NAME.findall(text)))
        return f"\n{', '.join(names)}: set in {self.file}" if names else ""


def read_environment(process: Mapping[str, str], directory: Path | None = None) -> Environment:
    """The variables of the process and of `.env` in the directory; by default the current one.

    Values of the file are taken as they stand: nothing is substituted.
    """
    file = (directory or Path.cwd()) / FILE
    given = dotenv_values(file, interpolate=False) if file.is_file() else {}
    added = {name: value for name, value in given.items() if value is not None and name not in process}
    values = {**process, **added}
    files = values.get(_OWN_FILES, "")
    if files and not any(name in process for name in _NAMED_FROM_THERE):
        # In the container they are named from the mounted folder, so that one file serves both.
        values["INVOKED_FROM"] = str(file.parent / files)
    return Environment(values, file, frozenset(added))


def current_environment() -> Environment:
    """That of this process."""
    return read_environment(os.environ)
