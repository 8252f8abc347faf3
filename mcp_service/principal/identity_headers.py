"""The principal in plain headers, for a server that no other program can reach (invariant 14).

Every header is set on every request, empty where there is nothing to tell: a copy that comes from outside can then
never be taken for ours. Which addresses may receive these headers: private_peers.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mcp_service.guard.errors import McpError
from mcp_service.principal.header_encoding import encode_claim, encode_text

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
"""Of one header. aiohttp and others refuse a field of more than 8,190 bytes."""
MAX_CHARACTERS: Final = 8192
"""Of all headers of the principal together. Node refuses a request with 16,384 bytes of headers."""

_NAMESPACE: Final = "sallyport"


class PrincipalTooLong(McpError):
    """403: what the token tells about its user is longer than the server may be sent. Nothing is cut off.

    Of a list that is cut, the server could not tell that it is; a rule that denies by a group would not see the group.
    """

    status = 403
    code = "access_denied"
    public = "The identity of this user is too long for this server. Ask its operator."


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
