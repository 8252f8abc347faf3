"""The principal in plain headers, for a server that no other program can reach (invariant 14).

Every header is set on every request, empty where there is nothing to tell: a copy that comes from outside can then
never be taken for ours. Which addresses may receive these headers: private_peers.py.

A value is visible ASCII that is read in one way only. A text is percent-encoded UTF-8, as in RFC 3986 section 2.1 and
RFC 8187, with upper-case digits. Only letters, digits and `-._~@:/` stand for themselves, so that subjects, addresses
and URLs stay readable. `+` is encoded: some readers take it for a space. A list of texts is each text followed by a
comma; a text has no comma of its own. Every other value is `=` and its JSON as a text. Nothing, an empty text and an
empty list are the empty value.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from mcp_service.guard.errors import McpError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.access_tokens.verifier import VerifiedToken
    from shared.scopes import ScopeHierarchy

SUBJECT: Final = "Sallyport-Subject"
ISSUER: Final = "Sallyport-Issuer"
CLIENT: Final = "Sallyport-Client"
SCOPES: Final = "Sallyport-Scopes"
CLAIM_PREFIX: Final = "Sallyport-Claim-"

MAX_VALUE_CHARACTERS: Final = 4096
"""The limit of one header. aiohttp and others refuse a field of more than 8,190 bytes."""
MAX_CHARACTERS: Final = 8192
"""The limit of all headers of the principal together. Node refuses a request with 16,384 bytes of headers."""

_NAMESPACE: Final = "sallyport"

_PLAIN: Final = re.compile(r"[A-Za-z0-9._~@:/-]*")
_SAFE: Final = "@:/"
"""Characters beside those that `quote` never encodes (RFC 3986 section 2.3)."""


class PrincipalTooLong(McpError):
    """403: what the token tells about its user is longer than the server may be sent. Nothing is cut off.

    Of a list that is cut, the server could not tell that it is; a rule that denies by a group would not see the group.
    """

    status = 403
    code = "access_denied"
    public = "The identity of this user is too long for this server. Ask its operator."


def encode_text(text: str) -> str:
    """The one encoding of a text. No two texts have the same."""
    return text if _PLAIN.fullmatch(text) else quote(text, safe=_SAFE)


def encode_claim(value: Any) -> str:
    """The one encoding of a value from JSON. No two values have the same, except those that tell nothing."""
    if value is None:
        return ""
    if isinstance(value, str):
        return encode_text(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return "".join(f"{encode_text(item)}," for item in value)
    return "=" + encode_text(json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False))


def is_identity_header(name: str) -> bool:
    """Whether a server could take a header for one of ours, however it spells names (invariant 14).

    CGI, WSGI and PHP read `Sallyport_Subject`, and some read `Sallyport.Subject`, as `Sallyport-Subject`: whatever
    character follows our prefix, if it is no letter and no digit, the name is ours.
    """
    return name[: len(_NAMESPACE)].lower() == _NAMESPACE and not name[len(_NAMESPACE) :][:1].isalnum()


def claim_header(claim: str) -> str:
    """The header of a claim: `preferred_username` in `Sallyport-Claim-Preferred-Username`."""
    words = claim.replace("_", "-").replace(".", "-").split("-")
    return CLAIM_PREFIX + "-".join(word.capitalize() for word in words)


def effective_scopes(granted: tuple[str, ...], hierarchy: ScopeHierarchy) -> tuple[str, ...]:
    """The scopes of the token in its order, then those that they imply."""
    return (*granted, *sorted(hierarchy.effective(granted).difference(granted)))


class PrincipalHeaders:
    """A PrincipalHandover: subject, issuer, client, scopes and chosen claims as they are."""

    def __init__(self, *, scopes: ScopeHierarchy, claims: Sequence[str]) -> None:
        """`claims` are the names of the claims about the user that the server is told."""
        self._hierarchy = scopes
        self._claims = {claim: claim_header(claim) for claim in claims}
        self._nothing = dict.fromkeys((SUBJECT, ISSUER, CLIENT, SCOPES, *self._claims.values()), "")

    def headers(self, token: VerifiedToken | None, *, method: str, path: str, body: bytes) -> Mapping[str, str]:
        """All headers, empty for a public operation. Raises PrincipalTooLong."""
        del method, path, body
        if token is None:
            return self._nothing
        told = token.claims
        headers = {
            SUBJECT: encode_text(told.subject),
            ISSUER: encode_text(told.issuer),
            CLIENT: encode_text(told.client_id),
            SCOPES: " ".join(map(encode_text, effective_scopes(told.scopes, self._hierarchy))),
        }
        for claim, header in self._claims.items():
            headers[header] = encode_claim(told.user.get(claim))
        total = 0
        for name, value in headers.items():
            total += len(name) + len(value)
            if len(value) > MAX_VALUE_CHARACTERS or total > MAX_CHARACTERS:
                raise PrincipalTooLong(f"{name} has {len(value)} characters", error_id="principal_size")
        return headers
