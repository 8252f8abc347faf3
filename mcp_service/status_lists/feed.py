"""Parses one answer of the feed: the addresses of all lists, the lists that changed, and a cursor for the next request.

Pure. Members that a later issuer may add are passed over (invariant 11).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from shared.jose.strict_json import BadJson, parse_json_object

MAX_LISTS: Final = 512
MAX_CURSOR_CHARACTERS: Final = 7500
"""A server reads request lines of about 8,000 bytes."""
MAX_FEED_BYTES: Final = 16 << 20
"""MAX_LISTS lists of the size that list_encoding.FEED_FORM allows, and some room."""


class InvalidFeed(Exception):
    """The answer is refused. The text is for the log."""


class NotAFeed(InvalidFeed):
    """The answer is the plain aggregation of the draft (section 9), which tells of no changes."""


class Feed(NamedTuple):
    """`changed` are list tokens, not yet verified."""

    uris: frozenset[str]
    unverified_changed: tuple[str, ...]
    cursor: str


def parse_feed(body: bytes, *, prefix: str) -> Feed:
    """Read an answer; addresses of lists that do not begin with `prefix` are passed over. Raises InvalidFeed."""
    try:
        document = parse_json_object(body)
    except BadJson as exc:
        raise InvalidFeed(str(exc)) from exc
    if "known" not in document and "changed" not in document:
        raise NotAFeed("the answer has neither changed nor known")
    uris, changed = _strings(document, "status_lists"), _strings(document, "changed")
    cursor = document.get("known")
    if not isinstance(cursor, str) or not 0 < len(cursor) <= MAX_CURSOR_CHARACTERS:
        raise InvalidFeed("known is not a short string")
    return Feed(frozenset(uri for uri in uris if uri.startswith(prefix)), tuple(changed), cursor)


def _strings(document: dict[str, Any], name: str) -> list[str]:
    value = document.get(name)
    if not isinstance(value, list) or len(value) > MAX_LISTS or not all(isinstance(item, str) for item in value):
        raise InvalidFeed(f"{name} is not a list of at most {MAX_LISTS} strings")
    return value
