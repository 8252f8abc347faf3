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
    """What the header of a JWT may say."""

    algorithms: tuple[str, ...]
    types: frozenset[str]
    """In lower case, without `application/` (RFC 7515 section 4.1.9). The empty string allows a header without one."""


@dataclass(frozen=True, slots=True, repr=False)
class UnverifiedJwt:
    """Header checked, signature not."""

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
    """The refusal of what the page delivered, for the rule of that name."""
    return SignInRefused(reason, error_id=f"external_{rule}")


def check_algorithm(header: Mapping[str, Any], rules: HeaderRules) -> None:
    """The algorithms are those of the configuration; the token chooses among them."""
    if header.get("alg") not in rules.algorithms:
        raise refused("alg", f"alg {header.get('alg')!r:.60} is not one of {', '.join(rules.algorithms)}")


def check_type(header: Mapping[str, Any], rules: HeaderRules) -> None:
    """A JWT of the same issuer for another use has another `typ` (RFC 8725 section 3.11)."""
    typ = header.get("typ", "")
    if not isinstance(typ, str) or typ.lower().removeprefix("application/") not in rules.types:
        raise refused("typ", f"typ {typ!r:.60} is not that of {'/'.join(sorted(rules.types))!r}")


def check_extensions(header: Mapping[str, Any], rules: HeaderRules) -> None:  # noqa: ARG001 - all checks are called alike
    """Keys come from the configuration, never from the header, and extensions are not understood."""
    if not _NOT_FOLLOWED.isdisjoint(header):
        raise refused("header", "the header brings its own key or an extension")


def check_kid(header: Mapping[str, Any], rules: HeaderRules) -> None:  # noqa: ARG001 - all checks are called alike
    """A short text, if there is one."""
    kid = header.get("kid")
    if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= MAX_KID_CHARACTERS):
        raise refused("kid", "kid is not a short text")


HEADER_CHECKS: tuple[Callable[[Mapping[str, Any], HeaderRules], None], ...] = (
    check_algorithm,
    check_type,
    check_extensions,
    check_kid,
)
