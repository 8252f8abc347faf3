"""The compact serialization of a JWS (RFC 7515 section 7.1), read strictly. Pure.

Header and payload are parsed only when asked for: a verifier reads the claims after it knows the signature to be good.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from shared.jose import base64url
from shared.jose.strict_json import BadJson, parse_json_object

MAX_BYTES: Final = 8192
"""A longer string is refused before it is parsed."""


EXTENSIONS: Final = frozenset({"crit", "b64"})
"""Members of a header that change how a JWS is read (RFC 7515 section 4.1.11, RFC 7797): none is understood here."""

KEY_SOURCES: Final = frozenset({"jwk", "jku", "x5c", "x5u"})
"""Members of a header that bring a key or name where to fetch one: a signature by such a key proves nothing."""


class InvalidToken(Exception):
    """The token is refused. `error_id` names the rule; the text is the private reason and never holds the token."""

    def __init__(self, error_id: str, reason: str) -> None:
        super().__init__(reason)
        self.error_id = error_id
        self.reason = reason


class UnverifiedJws(NamedTuple):
    """The parts of a compact JWS, of which only the form has been checked."""

    header_segment: bytes
    payload_segment: bytes
    signing_input: bytes
    signature: bytes

    def header(self) -> dict[str, Any]:
        """The JSON object of the header. Raises InvalidToken."""
        return _parse("header", self.header_segment)

    def payload(self) -> dict[str, Any]:
        """The JSON object of the payload. Raises InvalidToken."""
        return _parse("payload", self.payload_segment)


def parse_compact_jws(unverified: str, *, max_bytes: int = MAX_BYTES) -> UnverifiedJws:
    """Split into three parts and decode the signature. Raises InvalidToken (`size`, `form`)."""
    if len(unverified) > max_bytes:
        raise InvalidToken("size", f"longer than {max_bytes} bytes")
    try:
        signing_input, _, signature = unverified.encode("ascii").rpartition(b".")
        header, payload = signing_input.split(b".")
        if not (header and payload and signature):
            raise InvalidToken("form", "a part is empty")
        return UnverifiedJws(header, payload, signing_input, base64url.decode(signature))
    except ValueError as exc:
        raise InvalidToken("form", "not three parts of base64url") from exc


def _parse(part: str, segment: bytes) -> dict[str, Any]:
    try:
        data = base64url.decode(segment)
    except ValueError as exc:
        raise InvalidToken("form", f"the {part} is not base64url") from exc
    try:
        return parse_json_object(data)
    except BadJson as exc:
        raise InvalidToken(part, str(exc)) from exc
