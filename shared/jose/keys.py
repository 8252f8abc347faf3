"""Public keys that verify signatures. The cryptography is joserfc's; each key is prepared once."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Literal

from joserfc.errors import JoseError
from joserfc.jwk import import_key
from joserfc.jws import JWSRegistry

from shared.jose import base64url
from shared.jose.algorithms import is_secret, signature_algorithm

if TYPE_CHECKING:
    from collections.abc import Mapping

    from joserfc.jwk import Key

MAX_KEYS: Final = 50
"""The most keys of a JWKS."""
MIN_RSA_BITS: Final = 2048
MAX_RSA_BITS: Final = 8192
MAX_RSA_EXPONENT_BITS: Final = 32
"""A shorter modulus is not secure; a longer one, or a long exponent, makes each verification expensive."""


_ED25519_PRIME: Final = 2**255 - 19
_ED25519_ORDER_8: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_ED25519_SMALL_ORDER: Final = frozenset({0, 1, _ED25519_PRIME - 1, _ED25519_ORDER_8, _ED25519_PRIME - _ED25519_ORDER_8})
"""The y coordinates of the points whose order divides the cofactor 8 (RFC 8032 section 5.1)."""


class InvalidKey(ValueError):
    """A JWK that cannot verify. `error_id` is `rsa_size` or `key`; the text is for the log."""

    def __init__(self, error_id: str, reason: str) -> None:
        super().__init__(reason)
        self.error_id = error_id


class CachedKey:
    """A joserfc key with one operation's key object looked up once: the library does that for each signature."""

    def __init__(self, key: Key, operation: Literal["sign", "verify"]) -> None:
        self._key = key
        self.get_op_key: Any = {operation: key.get_op_key(operation)}.__getitem__

    def __getattr__(self, name: str) -> Any:
        return getattr(self._key, name)


class VerificationKey:
    """One public key with the one algorithm it is for.

    Compared by identity: a key that was withdrawn and published again is another key.
    """

    __slots__ = ("_key", "_verify", "algorithm", "kid", "thumbprint")

    def __init__(self, kid: str, algorithm: str, key: Key) -> None:
        self.kid = kid
        self.algorithm = algorithm
        self.thumbprint = key.thumbprint()
        self._key: Any = CachedKey(key, "verify")
        self._verify = JWSRegistry.algorithms[algorithm].verify

    def verify(self, signing_input: bytes, signature: bytes) -> bool:
        """Whether this key made the signature, with the one algorithm that it is for."""
        return self._verify(signing_input, signature, self._key)

    def same_as(self, other: VerificationKey) -> bool:
        """Whether both are the same public key for the same algorithm."""
        return self.thumbprint == other.thumbprint and self.algorithm == other.algorithm


def import_verification_key(jwk: Mapping[str, Any], *, kid: str = "") -> VerificationKey:
    """Import the public members of an unverified JWK. Raises InvalidKey."""
    algorithm = signature_algorithm(jwk)
    if algorithm is None:
        raise InvalidKey("key", "the key is not one for verifying signatures")
    public = {name: jwk[name] for name in ("kty", "crv", "n", "e", "x", "y") if name in jwk}
    try:
        if algorithm == "RS256":
            _check_rsa_size(public)
        elif algorithm == "EdDSA":
            _check_ed25519_point(public)
        return VerificationKey(kid, algorithm, import_key(public))
    except InvalidKey:
        raise
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as exc:
        raise InvalidKey("key", f"the key cannot be read: {type(exc).__name__}") from exc


def verification_keys(unverified_jwks: Mapping[str, Any], *, max_keys: int = MAX_KEYS) -> list[VerificationKey]:
    """The keys of a JWKS that verify signatures (RFC 7517 section 5); others are left out.

    Raises InvalidKey if it is no JWKS, has more than `max_keys`, publishes a secret, or has no usable key.
    """
    members = unverified_jwks.get("keys")
    if not isinstance(members, list) or not all(isinstance(member, dict) for member in members):
        raise InvalidKey("key", "not a JWKS: keys is not a list of objects")
    if len(members) > max_keys:
        raise InvalidKey("key", f"the JWKS has {len(members)} keys, more than {max_keys}")
    if any(is_secret(member) for member in members):
        raise InvalidKey("key", "the JWKS holds a private or a symmetric key")
    found = []
    for member in members:
        kid = member.get("kid", "")
        with suppress(InvalidKey):
            found.append(import_verification_key(member, kid=kid if isinstance(kid, str) else ""))
    if not found:
        raise InvalidKey("key", "the JWKS has no usable key")
    return found


def _check_ed25519_point(public: Mapping[str, Any]) -> None:
    # The library accepts points of small order: under such a key one signature verifies many messages.
    y = int.from_bytes(base64url.decode(public["x"]), "little") & ((1 << 255) - 1)
    if y >= _ED25519_PRIME or y in _ED25519_SMALL_ORDER:
        raise InvalidKey("key", "an Ed25519 point of small order, or one that is not canonical")


def _check_rsa_size(public: Mapping[str, Any]) -> None:
    # Before the library sees it: it warns of short keys, and takes its time with absurd ones.
    bits, exponent_bits = (int.from_bytes(base64url.decode(public[name])).bit_length() for name in ("n", "e"))
    if not MIN_RSA_BITS <= bits <= MAX_RSA_BITS or exponent_bits > MAX_RSA_EXPONENT_BITS:
        raise InvalidKey("rsa_size", f"an RSA key of {bits} bits and an exponent of {exponent_bits}")
