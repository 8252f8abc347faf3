"""A JWT that the browser delivers: its header is checked before any key is looked for. Pure.

The claims are read only after the signature is known to be good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from auth_service.federation.provider import SignInRefused
from shared.jose.jws import EXTENSIONS, KEY_SOURCES, InvalidToken, UnverifiedJws, parse_compact_jws

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shared.jose.keys import VerificationKey

MAX_KID_CHARACTERS: Final = 200
_NOT_FOLLOWED: Final = EXTENSIONS | KEY_SOURCES | {"zip", "enc"}


@dataclass(frozen=True, slots=True)
class HeaderRules:
    """The accepted headers of a JWT."""

    algorithms: tuple[str, ...]
    types: frozenset[str]
    """Each `typ` in lower case without `application/` (RFC 7515 section 4.1.9); empty for a header without it."""


@dataclass(frozen=True, slots=True, repr=False)
class UnverifiedJwt:
    """A JWT whose header is checked; its signature is not."""

    algorithm: str
    kid: str | None
    jws: UnverifiedJws

    def verify(self, key: VerificationKey) -> dict[str, Any]:
        """The claims. Raises SignInRefused if the key did not sign them."""
        if not key.verify(self.jws.signing_input, self.jws.signature):
            raise refused("signature", "the signature is not by that key")
        try:
            return self.jws.payload()
        except InvalidToken as exc:
            raise refused("form", exc.reason) from exc


def parse(unverified: str, rules: HeaderRules) -> UnverifiedJwt:
    """Parse a compact JWT and check its header. Raises SignInRefused."""
    try:
        jws = parse_compact_jws(unverified)
        header = jws.header()
    except InvalidToken as exc:
        raise refused("form", f"not a compact JWS: {exc.reason}") from exc
    for check in HEADER_CHECKS:
        check(header, rules)
    return UnverifiedJwt(header.get("alg", ""), header.get("kid"), jws)


def refused(rule: str, reason: str) -> SignInRefused:
    """The error for a JWT that violates the rule of this name."""
    return SignInRefused(reason, error_id=f"external_{rule}")


def check_algorithm(header: Mapping[str, Any], rules: HeaderRules) -> None:
    """`alg` is one of the configured algorithms."""
    if header.get("alg") not in rules.algorithms:
        raise refused("alg", f"alg {header.get('alg')!r:.60} is not one of {', '.join(rules.algorithms)}")


def check_type(header: Mapping[str, Any], rules: HeaderRules) -> None:
    """`typ` is an accepted one: a JWT of the issuer for another use has another (RFC 8725 section 3.11)."""
    typ = header.get("typ", "")
    if not isinstance(typ, str) or typ.lower().removeprefix("application/") not in rules.types:
        raise refused("typ", f"typ {typ!r:.60} is not that of {'/'.join(sorted(rules.types))!r}")


def check_extensions(header: Mapping[str, Any], rules: HeaderRules) -> None:  # noqa: ARG001 - all checks are called alike
    """The header has no keys, which come from the configuration only, and no extensions."""
    if not _NOT_FOLLOWED.isdisjoint(header):
        raise refused("header", "the header brings its own key or an extension")


def check_kid(header: Mapping[str, Any], rules: HeaderRules) -> None:  # noqa: ARG001 - all checks are called alike
    """`kid`, if present, is a short text."""
    kid = header.get("kid")
    if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= MAX_KID_CHARACTERS):
        raise refused("kid", "kid is not a short text")


HEADER_CHECKS: tuple[Callable[[Mapping[str, Any], HeaderRules], None], ...] = (
    check_algorithm,
    check_type,
    check_extensions,
    check_kid,
)
