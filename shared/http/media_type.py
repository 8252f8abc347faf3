"""Media types (RFC 9110 section 8.3.1), parsed in bounded time. Pure.

aiohttp parses Content-Type with the e-mail parser of the standard library, whose comments nest: 400 opening
parentheses are a RecursionError after seconds. Nothing here calls it for a request's header.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

MAX_LENGTH: Final = 256
"""Characters. A boundary has at most 70 (RFC 2046 section 5.1.1), a registered type at most 127 on each side."""

_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_QUOTED: Final = r'"(?:[\t !#-\[\]-~]|\\[\t -~])*+"'
_TYPE: Final = re.compile(rf"{_TOKEN}/{_TOKEN}")
_PARAMETER: Final = re.compile(rf"[ \t]*+;[ \t]*+(?:({_TOKEN})=({_TOKEN}|{_QUOTED}))?")
_QUOTED_PAIR: Final = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class MediaType:
    """`essence` is type/subtype in lower case; names of parameters are lower case too."""

    essence: str
    parameters: dict[str, str]
    charset: str | None
    """In lower case; None when it is not stated."""


@lru_cache(maxsize=256)
def parse_media_type(value: str) -> MediaType:
    """Parse a Content-Type header. Raises ValueError when it is too long, malformed, or repeats a parameter.

    Few values are in use, so the results are cached; a value that is refused is not.
    """
    if len(value) > MAX_LENGTH:
        raise ValueError("the media type is too long")
    value = value.strip(" \t")
    found = _TYPE.match(value)
    if found is None:
        raise ValueError("the media type has no type and subtype")
    parameters: dict[str, str] = {}
    position = found.end()
    while position < len(value):
        parameter = _PARAMETER.match(value, position)
        if parameter is None:
            raise ValueError("a parameter of the media type is malformed")
        position = parameter.end()
        name, text = parameter.groups()
        if name is None:
            continue
        if name.lower() in parameters:
            raise ValueError("a parameter of the media type is repeated")
        parameters[name.lower()] = _QUOTED_PAIR.sub(r"\1", text[1:-1]) if text.startswith('"') else text
    charset = parameters.get("charset")
    return MediaType(found[0].lower(), parameters, None if charset is None else charset.lower())


def essence_of(content_type: str) -> str:
    """Type/subtype in lower case; empty for a header that is absent or not a media type."""
    try:
        return parse_media_type(content_type).essence
    except ValueError:
        return ""
