"""A copy of the repository for a new user, and the commands of docs/first-server.md."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

from devstack.service_process import REPOSITORY

PAGE: Final = (REPOSITORY / "docs" / "first-server.md").read_text(encoding="utf-8")
PASSWORD: Final = "seven quiet lanterns by the weir"
MOST_COMMANDS: Final = 6


class Section:
    """One chapter of the page: its commands, the files that it shows, and the lines for `.env`."""

    def __init__(self, title: str) -> None:
        self.text = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
        blocks = re.findall(r"^```sh\n(.*?)^```", self.text, re.DOTALL | re.MULTILINE)
        self.commands: list[str] = [line for block in blocks for line in block.splitlines()]
        self.dotenv = "".join(re.findall(r"^```ini\n(.*?)^```", self.text, re.DOTALL | re.MULTILINE))
        self.files = {
            re.match(r"# (\S+)", code)[1]: code
            for code in re.findall(r"^```python\n(.*?)^```", self.text, re.DOTALL | re.MULTILINE)
        }

    def command(self, beginning: str, *, number: int = 0) -> str:
        """A command that begins so."""
        found: list[str] = [command for command in self.commands if beginning in command]
        return found[number]


class Clone:
    """The tracked files in a directory of their own."""

    def __init__(self, directory: Path, **environment: str) -> None:
        self.directory = directory
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
        for name in filter(None, listed.stdout.split("\0")):
            if (REPOSITORY / name).is_file():
                (directory / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(REPOSITORY / name, directory / name)
        # The packages that `make` would install are there already.
        (directory / ".venv").mkdir()
        (directory / ".venv" / ".local-installed").touch()
        # A make that runs under another one names its directory on standard output, and has the arguments of that one.
        foreign = ("ARGS", "AUTH_", "MCP_", "DEMO_", "SALLYPORT_", "GATEWAY_", "COMPOSE_", "PYTHON", "MAKE", "MFLAGS")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        self.environment = {**inherited, **environment}
        self._running: list[subprocess.Popen[str]] = []

    def write(self, section: Section) -> None:
        """The files of the page, and its lines in `.env`."""
        for name, text in section.files.items():
            (self.directory / name).parent.mkdir(parents=True, exist_ok=True)
            (self.directory / name).write_text(text, encoding="utf-8")
        (self.directory / ".env").write_text(section.dotenv, encoding="utf-8")

    def run(self, command: str, stdin: str = "") -> str:
        """Run a command to its end; what it printed. Fails if it does."""
        done = subprocess.run(
            ["sh", "-c", self._with_python(command)],
            cwd=self.directory,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def start(self, command: str) -> None:
        """Start a command that runs until `close`, and wait until it says that it is ready."""
        process = subprocess.Popen(
            ["sh", "-c", f"exec env {self._with_python(command)}"],
            cwd=self.directory,
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._running.append(process)
        said = ""
        for line in process.stdout or ():
            said += line
            if line.startswith("ready"):
                return
        raise AssertionError(f"{command}\n{said}")

    def close(self) -> None:
        """Ctrl-C in every terminal."""
        for process in self._running:
            os.killpg(process.pid, signal.SIGINT)
            process.communicate(timeout=60)
        self._running.clear()

    def _with_python(self, command: str) -> str:
        """`make` uses the interpreter of the tests."""
        words = shlex.split(command)
        return command if "make" not in words else f"{command} PY={shlex.quote(sys.executable)}"
