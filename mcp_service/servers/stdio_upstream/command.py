"""The command of the setting: its words, its executable and the environment that it gets."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shared.errors import Misconfigured

ALWAYS_PASSED: Final = ("HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER", "LANG", "TMPDIR")
"""Variables that programs need to run at all. No other variable of the guard is passed: some are secret."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command without a shell, and the limits of each process."""

    words: tuple[str, ...]
    environment: Mapping[str, str]
    memory_bytes: int
    """The limit of private data per process; 0 is without a limit."""

    @classmethod
    def from_text(
        cls, text: str, *, passed: tuple[str, ...], memory_bytes: int, environment: Mapping[str, str]
    ) -> Command:
        """Split the text as a shell does. `passed` are further names of `environment`. Raises Misconfigured."""
        try:
            words = tuple(shlex.split(text))
        except ValueError as exc:
            raise Misconfigured(f"MCP_UPSTREAM_COMMAND: {exc}") from exc
        if not words:
            raise Misconfigured("MCP_UPSTREAM_COMMAND: names no program")
        missing = [name for name in passed if name not in environment]
        if missing:
            raise Misconfigured(f"MCP_UPSTREAM_ENVIRONMENT: {', '.join(missing)} is not in the environment")
        allowed = {name: environment[name] for name in (*ALWAYS_PASSED, *passed) if name in environment}
        command = cls(words, allowed, memory_bytes)
        if not command.is_executable():
            raise Misconfigured(
                f"MCP_UPSTREAM_COMMAND: {words[0]} is no executable file, and none in PATH{_hint(words)}"
            )
        return command

    def is_executable(self) -> bool:
        """Whether the program exists now."""
        return shutil.which(self.words[0], path=self.environment.get("PATH", os.defpath)) is not None


def _hint(words: tuple[str, ...]) -> str:
    """Advice to use another setting for a word that stands alone; empty if none fits."""
    if len(words) > 1:
        return ""
    if words[0].startswith(("http://", "https://")):
        return f"; for a server at a URL set MCP_UPSTREAM={words[0]}"
    return f"; for an object of Python code set MCP_SERVER={words[0]}" if ".py:" in words[0] else ""
