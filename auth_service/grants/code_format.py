"""The format of an authorization code. It is derived, so that a double click on "approve" yields the same code.

`<grant id>.<secret>`: the secret is a MAC over a nonce in Redis, keyed by the browser's cookie. Neither a copy of Redis
nor the cookie alone yields it (invariant 4), and no record is needed for the second click.
"""

from __future__ import annotations

from typing import Final

from auth_service.protocol.opaque import SECRET_BYTES, mac
from auth_service.status_lists.identifiers import is_identifier
from shared.jose import base64url

_MAX_LENGTH: Final = 120


class NotACode(ValueError):
    """The text does not have the form of an authorization code."""


def derive_code(browser_secret: str, grant_id: str, nonce: str) -> str:
    """The code for one decision of one browser. `nonce` is random, unique to the decision, and stored in Redis."""
    return f"{grant_id}.{base64url.encode(mac(browser_secret.encode(), 'authorization-code', grant_id, nonce))}"


def grant_of_code(unverified_code: str) -> str:
    """The grant id in a code. Raises NotACode."""
    grant_id, dot, secret = unverified_code.partition(".")
    try:
        if not dot or len(unverified_code) > _MAX_LENGTH:
            raise NotACode("a code has two parts")
        if not is_identifier(grant_id) or len(base64url.decode(secret)) != SECRET_BYTES:
            raise NotACode("a part has the wrong length")
    except ValueError as exc:
        raise NotACode("a part is not base64url") from exc
    return grant_id
