"""The error ids that the code of a package can name, read from its syntax trees.

A function or class with the parameter `error_id` takes one; what its callers pass is collected, by name or by position.
A function that passes one of its own parameters on takes one too. A part of an id that is known only at run time is
written as `*`. An expression that none of this explains is reported: its ids could not be collected.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

_ERROR_ID = "error_id"
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class ErrorIds:
    """The ids in the code. `unread` are places whose ids cannot be read from the code."""

    named: set[str] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)


class _Taker(NamedTuple):
    """A function or class that takes an error id. A private one is called in its own module only."""

    module: Path | None
    name: str
    parameter: str
    position: int | None


def error_ids(*packages: ModuleType) -> ErrorIds:
    """Collect the error ids of these packages; all callers of their functions must be in them."""
    modules = {path: _read(path) for package in packages for path in sorted(Path(*package.__path__).rglob("*.py"))}
    found = ErrorIds()
    takers = {taker for path, module in modules.items() for taker in _declared(path, module)}
    waiting = set(takers)
    while waiting:
        new = {taker for path, module in modules.items() for taker in _collect(path, module, waiting, found)}
        waiting = new - takers
        takers |= new
    return found


class _Module(NamedTuple):
    """The functions, each with the name by which it is called, and the calls, each with the functions around it."""

    functions: list[tuple[str, _Function]]
    calls: list[tuple[ast.Call, tuple[str, _Function] | None]]


@lru_cache
def _read(path: Path) -> _Module:
    module = _Module([], [])

    def visit(node: ast.AST, around: tuple[str, _Function] | None, class_name: str) -> None:
        for child in ast.iter_child_nodes(node):
            inner, name = around, class_name
            if isinstance(child, ast.ClassDef):
                name = child.name
            elif isinstance(child, _Function):
                inner = (name if child.name == "__init__" else child.name, child)
                module.functions.append(inner)
            elif isinstance(child, ast.Call):
                module.calls.append((child, around))
            visit(child, inner, name)

    visit(ast.parse(path.read_text(encoding="utf-8")), None, "")
    return module


def _taker(path: Path, name: str, function: _Function, parameter: str) -> _Taker | None:
    names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
    module = path if name.startswith("_") else None
    if parameter in names:
        return _Taker(module, name, parameter, names.index(parameter) - (names[0] in {"self", "cls"}))
    return _Taker(module, name, parameter, None) if parameter in [a.arg for a in function.args.kwonlyargs] else None


def _declared(path: Path, module: _Module) -> Iterator[_Taker]:
    for name, function in module.functions:
        taker = _taker(path, name, function, _ERROR_ID)
        if taker is not None:
            yield taker


def _collect(path: Path, module: _Module, takers: set[_Taker], found: ErrorIds) -> Iterator[_Taker]:
    """Read what is passed to the takers; yield the functions that pass on a parameter of their own."""
    by_name: dict[str, list[_Taker]] = {}
    for taker in takers:
        if taker.module in {None, path}:
            by_name.setdefault(taker.name, []).append(taker)
    for call, around in module.calls:
        for value in _passed(call, by_name):
            if isinstance(value, ast.Name) and around is not None:
                passing_on = _taker(path, *around, value.id)
                if passing_on is not None:
                    yield passing_on
                    continue
            texts = list(_texts(value))
            found.named.update(text for text in texts if text)
            if None in texts:
                found.unread.add(f"{path.parent.name}/{path.name}:{value.lineno}: {ast.unparse(value)}")


def _passed(call: ast.Call, takers: dict[str, list[_Taker]]) -> Iterator[ast.expr]:
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    for taker in takers.get(name, ()):
        yield from (k.value for k in call.keywords if k.arg == taker.parameter)
        if taker.position is not None and taker.position < len(call.args):
            yield call.args[taker.position]
    if name not in takers:
        # Of a base class, or of a subclass without a constructor of its own.
        yield from (k.value for k in call.keywords if k.arg == _ERROR_ID)


def _texts(value: ast.expr) -> Iterator[str | None]:
    """The ids of the expression; "" for that of another error, and None if it cannot be read."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value
    elif isinstance(value, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in value.values)
    elif isinstance(value, ast.IfExp):
        yield from _texts(value.body)
        yield from _texts(value.orelse)
    elif isinstance(value, ast.Attribute) and value.attr == _ERROR_ID:
        yield ""
    else:
        yield None
