"""What a header may hold, as visible ASCII that is read in one way only. Pure.

A text is percent-encoded UTF-8, as in RFC 3986 section 2.1 and RFC 8187, with upper-case digits. Only letters, digits
and `-._~@:/` stand for themselves, so that subjects, addresses and URLs stay readable. `+` is encoded: some readers
take it for a space. A list of texts is each text followed by a comma; a text has no comma of its own. Every other value
is `=` and its JSON as a text. Nothing, an empty text and an empty list are the empty value.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final
from urllib.parse import quote

_PLAIN: Final = re.compile(r"[A-Za-z0-9._~@:/-]*")
_SAFE: Final = "@:/"
"""Beside those that `quote` never encodes (RFC 3986 section 2.3)."""


def encode_text(text: str) -> str:
    """The one encoding of a text. No two texts have the same."""
    return text if _PLAIN.fullmatch(text) else quote(text, safe=_SAFE)


def encode_claim(value: Any) -> str:
    """The one encoding of a value from JSON. No two values have the same, except those that tell nothing."""
    if value is None:
        return ""
    if isinstance(value, str):
        return encode_text(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return "".join(f"{encode_text(item)}," for item in value)
    return "=" + encode_text(json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False))
