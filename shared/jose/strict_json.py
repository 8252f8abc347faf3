"""JSON that every parser reads alike: no repeated names, no NaN, no infinite number, bounded size and depth.

Pure. Python's own parser takes the last of two equal names and reads NaN, Infinity and 1e999; another reader of the
same token might not, and `exp: NaN` passes every comparison (RFC 8259 sections 4, 6 and 9, RFC 8725 section 2.4).
"""

from __future__ import annotations

import json
import math
from typing import Any, Final, NoReturn

MAX_BYTES: Final = 1 << 26
"""The largest body that any setting permits. Callers bound what they read; most of them far lower."""

MAX_DEPTH: Final = 100
"""Arrays and objects inside one another. Below the depth at which Python's own writer fails."""


class BadJson(ValueError):
    """The bytes are not one strict JSON document. The text is for the log and never holds the document."""


def parse_json(data: bytes) -> Any:
    """Parse a whole document in UTF-8 without a byte order mark. Raises BadJson."""
    if len(data) > MAX_BYTES:
        raise BadJson(f"longer than {MAX_BYTES} bytes")
    try:
        text = data.decode("utf-8").strip(" \t\r\n")
        value, end = _decoder.raw_decode(text)
        # One character is found many times as fast as two.
        if "\\" in text and "\\u" in text:
            # A lone surrogate is no character: it could not be written to a log or to Redis.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except BadJson:
        raise
    except (ValueError, RecursionError) as exc:
        # ValueError covers bad UTF-8 and integers of thousands of digits as well.
        raise BadJson(f"not JSON: {exc}") from exc
    if end != len(text):
        raise BadJson("something follows the document")
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH and _is_deeper(value, MAX_DEPTH):
        raise BadJson(f"nested deeper than {MAX_DEPTH} levels")
    return value


def parse_json_object(data: bytes) -> dict[str, Any]:
    """Parse a document that must be an object. Raises BadJson."""
    value = parse_json(data)
    if not isinstance(value, dict):
        raise BadJson("not an object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise BadJson("a name is repeated")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise BadJson(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise BadJson("a number is out of range")
    return number


def _is_deeper(value: Any, levels: int) -> bool:
    containers = [value]
    for _ in range(levels):
        children = (c for item in containers for c in (item.values() if isinstance(item, dict) else item))
        containers = [child for child in children if isinstance(child, dict | list)]
        if not containers:
            return False
    return True


_decoder: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite)
