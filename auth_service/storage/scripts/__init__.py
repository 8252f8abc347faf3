"""The Lua scripts, one atomic step each; the first comment lines of a script state its invariant."""

from __future__ import annotations

from importlib.resources import files

from shared.store import Script


def load(name: str) -> Script:
    """Read the script `name`.lua of this package."""
    return Script(name, files(__package__).joinpath(f"{name}.lua").read_text(encoding="utf-8"))
