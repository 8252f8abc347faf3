"""The command lines of both services as they are run here, so that a hint can be pasted as it is printed.

The variable SALLYPORT_RUN_BY tells what has started the service: `make` (`make run`), `compose` or `kubernetes`.
Without it the command is that of the interpreter that prints the hint, which finds the settings in the same
environment.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import Final, Literal

Service = Literal["auth_service", "mcp_service"]

_COMPOSE: Final = {"auth_service": "auth", "mcp_service": "mcp"}
_DEPLOYMENT: Final = {"auth_service": "auth-service", "mcp_service": "mcp-service"}
_FITS_DOUBLE_QUOTES: Final = re.compile(r"""[^"`$\\!\n]*""")
_MARKED: Final = re.compile(r"`((?:auth|mcp)_service) ([^`]+)`")


def operator_command(service: Service, *words: str, stopped: bool = False) -> str:
    """The command line of a command with these arguments. `stopped`: it must work while the service does not run."""
    run_by = os.environ.get("SALLYPORT_RUN_BY", "")
    arguments = shlex.join(words)
    if run_by == "make":
        return f"make {_COMPOSE[service]} {_data_dir()}{_make_variable('ARGS', arguments)}"
    module = f"python -m {service} {arguments}"
    if run_by == "compose":
        return f"docker compose {'run --rm --no-deps' if stopped else 'exec'} {_COMPOSE[service]} {module}"
    if run_by == "kubernetes":
        return f"kubectl -n sallyport exec -it deploy/{_DEPLOYMENT[service]} -- {module}"
    return f"{_python()} -m {service} {arguments}"


def runnable(text: str, **known: str) -> str:
    """The text with each command in backticks, such as `auth_service users list`, as it is run here.

    A placeholder of a command, such as ID, is replaced by the text that is known for it.
    """

    def as_run(marked: re.Match[str]) -> str:
        service: Service = "auth_service" if marked[1] == "auth_service" else "mcp_service"
        return f"`{operator_command(service, *(known.get(word, word) for word in marked[2].split()))}`"

    return _MARKED.sub(as_run, text)


def log_search(text: str) -> str:
    """The command that finds lines with this text in the logs of both services; empty if it is not known."""
    run_by, quoted = os.environ.get("SALLYPORT_RUN_BY", ""), shlex.quote(text)
    if run_by == "make":
        return f"grep -F {quoted} {shlex.quote(os.environ.get('DATA_DIR') or '.data')}/*_service.log"
    if run_by == "compose":
        return f"docker compose logs auth mcp | grep -F {quoted}"
    if run_by == "kubernetes":
        names = "app.kubernetes.io/name in (auth-service, mcp-service)"
        return f"kubectl -n sallyport logs -l '{names}' --tail=-1 | grep -F {quoted}"
    return ""


def redis_hint(setting: str) -> str:
    """Where to look while Redis is unavailable; `setting` has its address."""
    run_by = os.environ.get("SALLYPORT_RUN_BY", "")
    if run_by == "make":
        return f"`make {_data_dir()}run` starts it, and stops it when it ends: run it in another terminal."
    if run_by == "compose":
        return "`docker compose ps --all store` shows whether it runs."
    return f"Is Redis running, and {setting} right, with its host name and ssl_ca_certs?"


def _data_dir() -> str:
    """`make run` may have been given another directory of data; without it the command would not find the settings."""
    directory = os.environ.get("DATA_DIR", "")
    return f"{_make_variable('DATA_DIR', directory, always_quote=False)} " if directory else ""


def _make_variable(name: str, value: str, *, always_quote: bool = True) -> str:
    """An argument of make, for a shell. Make takes a dollar for a variable of its own."""
    value = value.replace("$", "$$")
    if _FITS_DOUBLE_QUOTES.fullmatch(value) is None:
        return f"{name}={shlex.quote(value)}"
    return f'{name}="{value}"' if always_quote or shlex.quote(value) != value else f"{name}={value}"


def _python() -> str:
    """The interpreter of this process, as short as it can be typed here."""
    found = shutil.which("python")
    if found is not None and Path(found).absolute() == Path(sys.executable).absolute():
        return "python"
    executable = Path(sys.executable)
    here = Path.cwd()
    return shlex.quote(str(executable.relative_to(here) if executable.is_relative_to(here) else executable))
