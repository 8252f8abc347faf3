"""The key set: fetchable, well-formed, strong, and cacheable for a sensible time (reference: F16; RFC 7517)."""

from __future__ import annotations

import base64
import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from sallyport_doctor.exchange import Failure

if TYPE_CHECKING:
    from sallyport_doctor.observation import Observation

_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})
_NEEDED: Final = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
_DAY: Final = 86_400
_LONG_MAX_AGE: Final = _DAY
_OLD: Final = 400 * _DAY


def _keys(seen: Observation) -> list[dict[str, Any]]:
    exchange = seen.key_set
    keys = (exchange.document or {}).get("keys") if exchange is not None and exchange.ok else None
    return [k for k in keys if isinstance(k, dict)] if isinstance(keys, list) else []


def key_set_unreachable(seen: Observation) -> str | None:
    """The address that the metadata names does not answer with 200."""
    exchange = seen.key_set
    if exchange is None or exchange.ok or exchange.failure is Failure.NOT_PUBLIC:
        return None  # an inside address has a rule of its own
    return exchange.summary()


def key_set_malformed(seen: Observation) -> str | None:
    """Something else than an object with a list of keys."""
    exchange = seen.key_set
    if exchange is None or not exchange.ok:
        return None
    if exchange.document is None:
        return f"not a JSON object but {exchange.media_type or 'something without a media type'}"
    return None if isinstance(exchange.document.get("keys"), list) else "no list named keys"


def key_set_empty(seen: Observation) -> str | None:
    """A list without a key."""
    exchange = seen.key_set
    if exchange is None or not exchange.ok or (exchange.document or {}).get("keys") != []:
        return None
    return "the list of keys is empty"


def key_set_redirected(seen: Observation) -> str | None:
    """R12: resource servers do not follow redirects to key material."""
    exchange = seen.key_set
    return f"leads to {exchange.hops[0]}" if exchange is not None and exchange.hops else None


def key_without_kid(seen: Observation) -> str | None:
    """Without a kid no rotation can be followed."""
    nameless = [k for k in _keys(seen) if not isinstance(k.get("kid"), str) or not k["kid"]]
    return f"{len(nameless)} of {len(_keys(seen))} keys" if nameless else None


def key_kid_repeated(seen: Observation) -> str | None:
    """Two keys of one name."""
    kids = [k["kid"] for k in _keys(seen) if isinstance(k.get("kid"), str)]
    repeated = sorted({k for k in kids if kids.count(k) > 1})
    return ", ".join(repeated)[:120] or None


def key_private_published(seen: Observation) -> str | None:
    """A private key is public: everything that it signed is worthless."""
    leaked = [_name(k) for k in _keys(seen) if k.get("kty") != "oct" and _PRIVATE & k.keys()]
    return ", ".join(leaked) or None


def key_symmetric(seen: Observation) -> str | None:
    """A shared secret is public."""
    leaked = [_name(k) for k in _keys(seen) if k.get("kty") == "oct"]
    return ", ".join(leaked) or None


def key_weak(seen: Observation) -> str | None:
    """RSA below 2048 bits (RFC 7518 section 3.3)."""
    weak = [f"{_name(k)} has {_bits(k)} bits" for k in _keys(seen) if k.get("kty") == "RSA" and 0 < _bits(k) < 2048]
    return ", ".join(weak) or None


def key_incomplete(seen: Observation) -> str | None:
    """A key of an unknown type or without a required member."""
    wrong = []
    for key in _keys(seen):
        kty = key.get("kty")
        if kty == "oct":
            continue
        needed = _NEEDED.get(str(kty))
        absent = [m for m in needed if not isinstance(key.get(m), str)] if needed else ["a known kty"]
        if absent:
            wrong.append(f"{_name(key)} lacks {', '.join(absent)}")
    return "; ".join(wrong) or None


def key_set_not_cacheable(seen: Observation) -> str | None:
    """Every verification would cost a request."""
    exchange = seen.key_set
    if exchange is None or not _keys(seen):
        return None
    control = (exchange.header("Cache-Control") or "").lower()
    return control if "no-store" in control or _max_age(control) == 0 else None


def key_set_cached_too_long(seen: Observation) -> str | None:
    """F16: a rotated or withdrawn key stays unknown or trusted for so long."""
    exchange = seen.key_set
    if exchange is None or not _keys(seen):
        return None
    age = _max_age((exchange.header("Cache-Control") or "").lower())
    return f"max-age {age} seconds" if age is not None and age > _LONG_MAX_AGE else None


def key_set_old(seen: Observation) -> str | None:
    """The set has not changed for more than a year: keys are not rotated."""
    exchange = seen.key_set
    modified = exchange.header("Last-Modified") if exchange is not None and _keys(seen) else None
    if not modified:
        return None
    try:
        age = seen.now - parsedate_to_datetime(modified).timestamp()
    except ValueError:
        return None
    return f"unchanged for {int(age // _DAY)} days" if age > _OLD else None


def _name(key: dict[str, Any]) -> str:
    return f"key {str(key.get('kid', 'without kid'))[:60]!r}"


def _bits(key: dict[str, Any]) -> int:
    try:
        raw = base64.urlsafe_b64decode(str(key.get("n", "")) + "==")
    except ValueError:
        return 0
    return int.from_bytes(raw, "big").bit_length()


def _max_age(control: str) -> int | None:
    found = re.search(r"max-age\s*=\s*\"?(\d{1,12})", control)
    return int(found.group(1)) if found else None
