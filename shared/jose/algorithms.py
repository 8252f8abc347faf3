"""The signature algorithms that both services accept, and the kind of key that each needs (RFC 7518, RFC 8037).

Pure, and light enough for settings to import. Never `none`, never symmetric: an algorithm that is not in the table
does not exist here.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

Algorithm = Literal["RS256", "ES256", "EdDSA"]

SUPPORTED_ALGORITHMS: Final[tuple[Algorithm, ...]] = get_args(Algorithm)


class KeyKind(NamedTuple):
    """Key type and curve, as a JWK names them."""

    kty: str
    crv: str | None


KEY_KINDS: Final[Mapping[str, KeyKind]] = {
    "RS256": KeyKind("RSA", None),
    "ES256": KeyKind("EC", "P-256"),
    "EdDSA": KeyKind("OKP", "Ed25519"),
}

HASHES: Final = {"RS256": hashlib.sha256, "ES256": hashlib.sha256, "EdDSA": hashlib.sha512}
"""The hash function inside each signature algorithm; Ed25519 uses SHA-512 (RFC 8032 section 5.1)."""

_ALGORITHMS: Final[Mapping[tuple[object, object], str]] = {kind: name for name, kind in KEY_KINDS.items()}

_SECRET_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})


def signature_algorithm(jwk: Mapping[str, Any]) -> str | None:
    """The one algorithm that a JWK may verify signatures with; None if it is for something else.

    Key type and curve decide; `alg`, `use` and `key_ops` may only agree (RFC 7517 section 4).
    """
    try:
        algorithm = _ALGORITHMS.get((jwk.get("kty"), jwk.get("crv")))
    except TypeError:  # a list or an object in the place of a name
        return None
    if algorithm is None or jwk.get("alg", algorithm) != algorithm or jwk.get("use", "sig") != "sig":
        return None
    operations = jwk.get("key_ops", ["verify"])
    return algorithm if isinstance(operations, list) and "verify" in operations else None


def is_secret(jwk: Mapping[str, Any]) -> bool:
    """Whether a JWK is symmetric or holds private members: no published key may be."""
    return jwk.get("kty") == "oct" or not _SECRET_MEMBERS.isdisjoint(jwk)
