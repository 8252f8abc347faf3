"""Parses the JWKS of a provider (RFC 7517 section 5): from unverified bytes to keys that verify. Pure.

Keys for other uses and algorithms are passed over, and so are those that are too weak. A document that holds a private
or symmetric key, or two keys under one name, is refused whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from shared.fetch.ssrf_safe_client import FetchRefused
from shared.jose.algorithms import is_secret, signature_algorithm
from shared.jose.keys import InvalidKey, VerificationKey, import_verification_key
from shared.jose.strict_json import BadJson, parse_json_object

MAX_JWKS_BYTES: Final = 128 * 1024
"""The maximum bytes of a JWKS; large providers add a certificate to each of a dozen keys."""
MAX_KEYS: Final = 64
MAX_KID_CHARACTERS: Final = 200


class JwksRefused(FetchRefused):
    """The document cannot be used. The text is a sentence for the operator."""


class ProviderKey(NamedTuple):
    """A key, and the use that its JWKS entry declares."""

    verification: VerificationKey
    """The key to verify with; its `kid` is empty if the entry has none."""
    issuer: str | None
    """The issuer, or the template of issuers, whose tokens the key may sign; only Entra names it."""

    def may_verify(self, *, algorithm: str, kid: str | None) -> bool:
        """Whether it is the key that `kid` names, or, without `kid`, one of the right kind. One algorithm per key."""
        key = self.verification
        return key.algorithm == algorithm and (kid is None or key.kid == kid)


def parse_provider_keys(body: bytes, *, algorithms: frozenset[str]) -> tuple[ProviderKey, ...]:
    """The usable keys. Raises JwksRefused."""
    try:
        entries = parse_json_object(body).get("keys")
    except BadJson as exc:
        raise JwksRefused(f"the keys are no JSON object: {exc}") from exc
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise JwksRefused("the document has no list of keys")
    if len(entries) > MAX_KEYS:
        raise JwksRefused(f"{len(entries)} keys are more than {MAX_KEYS}")
    check_published(entries)
    keys = tuple(key for entry in entries if (key := _usable(entry, algorithms)) is not None)
    names = [key.verification.kid for key in keys if key.verification.kid]
    if len(set(names)) != len(names):
        raise JwksRefused("two keys have one kid")
    return keys


def check_published(entries: list[dict[str, Any]]) -> None:
    """Raise JwksRefused for a private or symmetric key: a published secret is known to every reader."""
    if any(is_secret(entry) for entry in entries):
        raise JwksRefused("the document holds a key that is not public")


def _usable(entry: Mapping[str, Any], algorithms: frozenset[str]) -> ProviderKey | None:
    kid, issuer = entry.get("kid", ""), entry.get("issuer")
    if not isinstance(kid, str) or len(kid) > MAX_KID_CHARACTERS:
        return None
    if signature_algorithm(entry) not in algorithms:
        return None
    if issuer is not None and not isinstance(issuer, str):
        return None
    try:
        return ProviderKey(import_verification_key(entry, kid=kid), issuer)
    except InvalidKey:
        return None
