"""A token in one sentence for people: what it says of itself, and never the token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sallyport_doctor.printable import printable

if TYPE_CHECKING:
    from sallyport_doctor.login.seen import TokenSeen

_SIGNATURES = {
    "good": "verified offline with the key set",
    "wrong": "which the key set does not confirm",
    "no such key": "by a key that is not in the key set",
    "not checked": "not verified",
}


def describe(token: TokenSeen) -> str:
    """What kind of token it is, who issued it for whom, for how long and for what."""
    if token.opaque:
        return "The access token is opaque: what it means is known to its issuer alone."
    claims, header = token.claims, token.header
    begins, ends = claims.get("iat"), claims.get("exp")
    lifetime = f"{ends - begins} seconds" if type(begins) is int and type(ends) is int else "an unknown time"
    return printable(
        f"The access token is a JWT of type {header.get('typ')}, signed with {header.get('alg')} "
        f"(kid {header.get('kid')}, {_SIGNATURES[token.signature]}), issued by {claims.get('iss')} "
        f"for {claims.get('aud')}, living for {lifetime}, with the scopes {claims.get('scope') or 'none'}."
    )
