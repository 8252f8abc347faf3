"""JSON that leaves no room for two readings: no repeated names, no NaN, no numbers or nesting without end.

Pure. Python's own parser takes the last of two equal names and reads NaN and Infinity; another reader of the same
token might not, and `exp: NaN` passes every comparison (request_id: RFC 8259 sections 4 and 6, RFC 8725 section 2.4).
"""

from __future__ import annotations

import json
from typing import Any, NoReturn


class BadJson(ValueError):
    """The text is not one strict JSON object."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise BadJson("a name is repeated")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise BadJson(f"{name} is not JSON")


_decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)


def parse_json(data: bytes) -> Any:
    """Parse a whole document. Raises BadJson."""
    try:
        text = data.decode("utf-8").strip(" \t\r\n")
        value, end = _decoder.raw_decode(text)
        if b"\\u" in data:
            # A lone surrogate is no character: it could not be written to a log or a store.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except BadJson:
        raise
    except (ValueError, RecursionError) as exc:
        # ValueError covers bad UTF-8 and integers of thousands of digits as well.
        raise BadJson(f"not JSON: {type(exc).__name__}") from exc
    if end != len(text):
        raise BadJson("something follows the document")
    return value


def parse_json_object(data: bytes) -> dict[str, Any]:
    """Parse a document that must be an object. Raises BadJson."""
    value = parse_json(data)
    if not isinstance(value, dict):
        raise BadJson("not an object")
    return value
