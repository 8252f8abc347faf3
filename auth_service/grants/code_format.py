"""The authorization code: derived, so that a double click on "approve" gives the same code twice.

`<grant id>.<secret>`, where the secret is a MAC keyed by the browser's cookie over a nonce of the store. Neither
a copy of the store nor the cookie alone yields it (invariant 4), and nothing needs to be kept for the second click.
"""

from __future__ import annotations

from typing import Final

from auth_service.protocol.opaque import SECRET_BYTES, mac
from shared.jose import base64url

_MAX_LENGTH: Final = 120


class NotACode(ValueError):
    """The text does not have the form of an authorization code."""


def derive_code(browser_secret: str, grant_id: str, nonce: str) -> str:
    """The code for one decision of one browser. `nonce` is random, unique to the decision, and kept in the store."""
    return f"{grant_id}.{base64url.encode(mac(browser_secret.encode(), 'authorization-code', grant_id, nonce))}"


def grant_of_code(unverified_code: str) -> str:
    """The grant id that a code names. Raises NotACode."""
    grant_id, dot, secret = unverified_code.partition(".")
    try:
        if not dot or len(unverified_code) > _MAX_LENGTH:
            raise NotACode("a code has two parts")
        if len(base64url.decode(grant_id)) != 16 or len(base64url.decode(secret)) != SECRET_BYTES:
            raise NotACode("a part has the wrong length")
    except ValueError as exc:
        raise NotACode("a part is not base64url") from exc
    return grant_id
