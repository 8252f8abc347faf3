"""The user that an `id_token_hint` names (OpenID Connect Core sections 3.1.2.1 and 3.1.2.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auth_service.tokens.issuer import ID_TOKEN_TYPE
from shared.jose.jws import InvalidToken, parse_compact_jws

if TYPE_CHECKING:
    from shared.access_tokens.verifier import VerificationKeyResolver
    from shared.jose.keys import VerificationKey


class IdTokenHints:
    """Recognises the ID tokens of this server, whether they have expired or not."""

    def __init__(self, *, issuer: str, keys: VerificationKeyResolver) -> None:
        self._issuer = issuer
        self._keys = keys

    async def subject(self, unverified_hint: str) -> str | None:
        """The user of the ID token; None if its key is not published any more, so that nothing can be verified.

        A client that kept its ID token longer than the key must still be able to connect, and a hint only restricts the
        user that may decide. The audience is not checked for the same reason: a client that has registered again
        presents the token of its former id. Raises InvalidToken for anything but an ID token of this server (for an
        access token, too), and ServiceUnavailable while no keys are loaded.
        """
        jws = parse_compact_jws(unverified_hint)
        header = jws.header()
        if header.get("typ") != ID_TOKEN_TYPE:
            raise InvalidToken("typ", "the hint is not of the type of ID tokens")
        key = await self._find_key(header.get("kid"))
        if key is not None and not (
            header.get("alg") == key.algorithm and key.verify(jws.signing_input, jws.signature)
        ):
            raise InvalidToken("signature", "the signature is not by the key that kid names")
        claims = jws.payload()
        subject = claims.get("sub")
        if claims.get("iss") != self._issuer or not isinstance(subject, str):
            raise InvalidToken("iss", "the hint is not an ID token of this issuer")
        return None if key is None else subject

    async def _find_key(self, unverified_kid: object) -> VerificationKey | None:
        if not isinstance(unverified_kid, str):
            raise InvalidToken("kid", "kid is missing or not a string")
        try:
            return await self._keys.find(unverified_kid)
        except InvalidToken:
            return None
