"""Loads the Lua scripts, which are files beside the repositories that use them."""

from __future__ import annotations

from importlib.resources import files

from shared.redis.client import Script


def load_script(package: str, name: str) -> Script:
    """Read `name`.lua of a package: `load_script(__package__, "redeem_code")`. Raises FileNotFoundError."""
    return Script(name, files(package).joinpath(f"{name}.lua").read_text(encoding="utf-8"))
