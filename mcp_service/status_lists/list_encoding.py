"""Decodes the claim `status_list` into one bit per entry (Token Status List draft, sections 4.1 and 4.2).

Pure. A status has 1, 2, 4 or 8 bits, and only 0 is VALID: INVALID, SUSPENDED and any other status become a set bit, so
that every list is held, and read at each request, in one form.
"""

from __future__ import annotations

import zlib
from typing import Any, Final, NamedTuple

from shared.jose import base64url
from shared.jose.jws import InvalidToken


class ListForm(NamedTuple):
    """The form of the lists of one kind of issuer. Sizes in bytes."""

    max_token_bytes: int
    widths: frozenset[int]
    """The numbers of bits of a status that are accepted."""
    entries: range
    is_complete: bool
    """Whether `iss` and `exp` are required, which the draft leaves open."""


FEED_FORM: Final = ListForm(
    # Entries at random do not compress, and are encoded twice.
    max_token_bytes=24 * 1024,
    widths=frozenset({1}),
    entries=range(1 << 16, (1 << 16) + 1),
    is_complete=True,
)
"""The lists of auth_service."""

DRAFT_FORM: Final = ListForm(
    max_token_bytes=2 << 20,
    widths=frozenset({1, 2, 4, 8}),
    entries=range(1, (1 << 20) + 1),
    is_complete=False,
)
"""All lists of the draft, up to the size of its test vectors; inflated they have at most 1 MiB, held 128 KiB."""


def read_bits(status_list: Any, form: ListForm) -> bytes:
    """One bit per entry, the least significant first, set for each that is not VALID.

    Bits beyond the last entry, up to a whole byte, are set. Raises InvalidToken.
    """
    width = status_list.get("bits") if isinstance(status_list, dict) else None
    if type(width) is not int or width not in form.widths:
        raise InvalidToken("status_list", f"bits is {width!r:.20}, none of {sorted(form.widths)}")
    lst = status_list.get("lst")
    if not isinstance(lst, str):
        raise InvalidToken("status_list", "lst is not a string")
    statuses = _inflate(lst, form.entries[-1] * width // 8)
    if len(statuses) * 8 // width not in form.entries:
        raise InvalidToken("status_list", f"lst has {len(statuses)} bytes, too few or too many")
    return statuses if width == 1 else _one_bit_each(statuses, width)


def _inflate(lst: str, max_bytes: int) -> bytes:
    inflating = zlib.decompressobj()
    try:
        inflated = inflating.decompress(base64url.decode(lst), max_bytes + 1)
    except (ValueError, zlib.error) as exc:
        raise InvalidToken("status_list", "lst is not base64url of zlib") from exc
    # The whole stream, with its checksum, is within the bound.
    if len(inflated) > max_bytes or not inflating.eof or inflating.unused_data:
        raise InvalidToken("status_list", f"lst is not one stream of at most {max_bytes} bytes")
    return inflated


def _one_bit_each(statuses: bytes, width: int) -> bytes:
    """Each byte is narrowed to the 8 / width bits of its entries; `width` of them make up one byte of the result."""
    kept = 8 // width
    narrowed = statuses.translate(_NARROWED[width])
    narrowed += bytes([(1 << kept) - 1]) * (-len(narrowed) % width)
    result = 0
    for place in range(width):
        # No bit leaves its byte: each has `kept` bits of its own, at another place.
        result |= int.from_bytes(narrowed[place::width], "little") << (place * kept)
    return result.to_bytes(len(narrowed) // width, "little")


def _narrowed(statuses: int, width: int) -> int:
    mask = (1 << width) - 1
    return sum(1 << entry for entry in range(8 // width) if statuses >> (entry * width) & mask)


_NARROWED: Final = {width: bytes(_narrowed(byte, width) for byte in range(256)) for width in (2, 4, 8)}
