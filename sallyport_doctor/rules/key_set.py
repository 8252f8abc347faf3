"""Rules for the JWKS (RFC 7517): reachability, validity, key strength, caching."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from sallyport_doctor.http_exchange import Failure
from sallyport_doctor.jose import base64url_decode

if TYPE_CHECKING:
    from sallyport_doctor.evidence import Evidence

_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})
_NEEDED: Final = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
_DAY: Final = 86_400
_LONG_MAX_AGE: Final = _DAY
_OLD: Final = 400 * _DAY


def _keys(evidence: Evidence) -> list[dict[str, Any]]:
    exchange = evidence.key_set
    keys = (exchange.document or {}).get("keys") if exchange is not None and exchange.ok else None
    return [k for k in keys if isinstance(k, dict)] if isinstance(keys, list) else []


def key_set_unreachable(evidence: Evidence) -> str | None:
    exchange = evidence.key_set
    if exchange is None or exchange.ok or exchange.failure is Failure.NOT_PUBLIC:
        return None  # document-names-private-address applies
    return exchange.summary()


def key_set_malformed(evidence: Evidence) -> str | None:
    exchange = evidence.key_set
    if exchange is None or not exchange.ok:
        return None
    if exchange.document is None:
        return f"not a JSON object, {exchange.media_type or 'no media type'}"
    return None if isinstance(exchange.document.get("keys"), list) else "no list named keys"


def key_set_empty(evidence: Evidence) -> str | None:
    exchange = evidence.key_set
    if exchange is None or not exchange.ok or (exchange.document or {}).get("keys") != []:
        return None
    return "keys is an empty list"


def key_set_redirected(evidence: Evidence) -> str | None:
    exchange = evidence.key_set
    return f"redirects to {exchange.hops[0]}" if exchange is not None and exchange.hops else None


def key_without_kid(evidence: Evidence) -> str | None:
    nameless = [k for k in _keys(evidence) if not isinstance(k.get("kid"), str) or not k["kid"]]
    return f"{len(nameless)} of {len(_keys(evidence))} keys" if nameless else None


def key_kid_duplicate(evidence: Evidence) -> str | None:
    kids = [k["kid"] for k in _keys(evidence) if isinstance(k.get("kid"), str)]
    repeated = sorted({k for k in kids if kids.count(k) > 1})
    return ", ".join(repeated)[:120] or None


def key_private_published(evidence: Evidence) -> str | None:
    leaked = [_name(k) for k in _keys(evidence) if k.get("kty") != "oct" and _PRIVATE & k.keys()]
    return ", ".join(leaked) or None


def key_symmetric(evidence: Evidence) -> str | None:
    leaked = [_name(k) for k in _keys(evidence) if k.get("kty") == "oct"]
    return ", ".join(leaked) or None


def key_weak(evidence: Evidence) -> str | None:
    weak = [f"{_name(k)} has {_bits(k)} bits" for k in _keys(evidence) if k.get("kty") == "RSA" and 0 < _bits(k) < 2048]
    return ", ".join(weak) or None


def key_incomplete(evidence: Evidence) -> str | None:
    wrong = []
    for key in _keys(evidence):
        kty = key.get("kty")
        if kty == "oct":
            continue
        needed = _NEEDED.get(str(kty))
        absent = [m for m in needed if not isinstance(key.get(m), str)] if needed else ["a known kty"]
        if absent:
            wrong.append(f"{_name(key)} lacks {', '.join(absent)}")
    return "; ".join(wrong) or None


def key_set_not_cacheable(evidence: Evidence) -> str | None:
    exchange = evidence.key_set
    if exchange is None or not _keys(evidence):
        return None
    control = (exchange.header("Cache-Control") or "").lower()
    return control if "no-store" in control or _max_age(control) == 0 else None


def key_set_cached_too_long(evidence: Evidence) -> str | None:
    exchange = evidence.key_set
    if exchange is None or not _keys(evidence):
        return None
    age = _max_age((exchange.header("Cache-Control") or "").lower())
    return f"max-age {age} seconds" if age is not None and age > _LONG_MAX_AGE else None


def key_set_old(evidence: Evidence) -> str | None:
    exchange = evidence.key_set
    modified = exchange.header("Last-Modified") if exchange is not None and _keys(evidence) else None
    if not modified:
        return None
    try:
        age = evidence.now - parsedate_to_datetime(modified).timestamp()
    except ValueError:
        return None
    return f"unchanged for {int(age // _DAY)} days" if age > _OLD else None


def _name(key: dict[str, Any]) -> str:
    return f"key {str(key.get('kid', 'without kid'))[:60]!r}"


def _bits(key: dict[str, Any]) -> int:
    try:
        raw = base64url_decode(str(key.get("n", "")))
    except ValueError:
        return 0
    return int.from_bytes(raw, "big").bit_length()


def _max_age(control: str) -> int | None:
    found = re.search(r"max-age\s*=\s*\"?(\d{1,12})", control)
    return int(found.group(1)) if found else None
