"""The operator's server and scope map, imported by name or from a file. Every fault is reported at start."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from mcp.server import MCPServer
from mcp.server.lowlevel import Server
from pydantic import ValidationError

from mcp_service.guard.scope_map import ScopeMap
from mcp_service.servers.fastmcp_server import FastMcp, is_fastmcp
from shared.errors import Misconfigured
from shared.jose.strict_json import parse_json

SdkServer = MCPServer[Any] | Server[Any]


def load_server(reference: str) -> SdkServer | FastMcp:
    """The server at `package.module:attribute` or `./file.py:attribute`; a function without arguments is called.

    Raises Misconfigured.
    """
    _is_python(reference)
    found = _load(reference, "MCP_SERVER")
    if not _is_server(found) and callable(found):
        found = found()
    if not _is_server(found):
        raise Misconfigured(
            f"MCP_SERVER: {reference} is of type {type(found).__name__}, not an MCPServer of the mcp SDK or a FastMCP"
        )
    server: SdkServer | FastMcp = found
    return server


def load_scope_map(text: str) -> ScopeMap:
    """The map at `package.module:attribute` or `./file.py:attribute`, in a file `./scopes.json`, or JSON in the text.

    Raises Misconfigured.
    """
    if text.lstrip().startswith("{"):
        found = _json(text.encode(), "MCP_SCOPES")
    elif _is_directory(text):
        raise Misconfigured(f"MCP_SCOPES: {Path(text).absolute()} is a directory; name a file in it that ends in .json")
    elif text.endswith(".json"):
        try:
            document = Path(text).read_bytes()
        except OSError as exc:
            raise Misconfigured(f"MCP_SCOPES: {Path(text).absolute()} cannot be read: {exc.strerror}") from exc
        found = _json(document, f"MCP_SCOPES: {text}")
    else:
        found = _load(text, "MCP_SCOPES")
    if isinstance(found, ScopeMap):
        return found
    if not isinstance(found, Mapping):
        raise Misconfigured(f"MCP_SCOPES: {text} is of type {type(found).__name__}, not a dict")
    try:
        return ScopeMap.model_validate(dict(found))
    except ValidationError as exc:
        problems = (
            ": ".join(
                filter(
                    None,
                    ("MCP_SCOPES", ".".join(map(str, error["loc"])), error["msg"].removeprefix("Value error, ")),
                )
            )
            for error in exc.errors(include_input=False, include_url=False)
        )
        raise Misconfigured("\n".join(problems)) from exc


def _is_directory(text: str) -> bool:
    try:
        return Path(text).is_dir()
    except OSError:
        return False  # longer than any path


def _json(document: bytes, where: str) -> Any:
    try:
        return parse_json(document)
    except ValueError as exc:
        raise Misconfigured(f"{where}: {exc}") from exc


def _is_python(reference: str) -> None:
    """Raise Misconfigured for a value that belongs in MCP_UPSTREAM or MCP_UPSTREAM_COMMAND."""
    if "://" in reference:
        raise Misconfigured(f"MCP_SERVER names Python code; for a server at a URL set MCP_UPSTREAM={reference}")
    words = reference.split()
    if len(words) > 1 or (words and ":" not in reference and shutil.which(words[0])):
        raise Misconfigured(f"MCP_SERVER names Python code; for a command set MCP_UPSTREAM_COMMAND={reference!r}")


def _is_server(found: object) -> bool:
    return isinstance(found, MCPServer | Server) or is_fastmcp(found)


def _load(reference: str, setting: str) -> Any:
    name, colon, attribute = reference.rpartition(":")
    is_file = (name or reference).endswith(".py")
    if not colon or not name or not attribute:
        form = "./file.py:attribute" if is_file else "package.module:attribute"
        raise Misconfigured(f"{setting}: {reference!r} is not of the form {form}")
    try:
        found: Any = _module_of_file(Path(name), setting) if is_file else _module(name)
    except Misconfigured:
        raise
    except ModuleNotFoundError as exc:
        raise Misconfigured(f"{setting}: {name} cannot be imported: {exc}{_hint(name, exc)}") from exc
    except Exception as exc:  # whatever the operator's code raises
        where = traceback.extract_tb(exc.__traceback__)[-1]
        raise Misconfigured(
            f"{setting}: {name} cannot be imported: {type(exc).__name__}: {exc} ({where.filename}:{where.lineno})"
        ) from exc
    for part in attribute.split("."):
        if not hasattr(found, part):
            servers = [key for key, value in vars(found).items() if _is_server(value)] if found is not None else []
            hint = f"; it has {', '.join(f'{name}:{key}' for key in servers)}" if servers else ""
            raise Misconfigured(f"{setting}: {name} has no attribute {part!r}{hint}")
        found = getattr(found, part)
    return found


def _module(name: str) -> ModuleType:
    """A module of the environment, or else of the current directory: a file `mcp.py` there does not hide the SDK."""
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    return importlib.import_module(name)


def _hint(name: str, exc: ModuleNotFoundError) -> str:
    """Advice to install a package that the server imports and that is missing; empty for another cause."""
    if exc.name and exc.name != name:
        return f"; install the package that has {exc.name} into the environment of mcp_service"
    return ""


def _module_of_file(path: Path, setting: str) -> ModuleType:
    """The module in a file. Its directory becomes one from which it can import. Raises Misconfigured without a file."""
    if not path.is_file():
        raise Misconfigured(f"{setting}: there is no file {path.absolute()}")
    file = path.resolve()
    # The name of the file, unless it is that of a module already: a file `mcp.py` must not replace the SDK.
    name = file.stem
    loaded = sys.modules.get(name)
    if getattr(loaded, "__file__", None) != str(file) and (loaded is not None or importlib.util.find_spec(name)):
        name = f"file_{file.stem}"
        loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", None) == str(file):
        return loaded
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise Misconfigured(f"{setting}: {path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
