"""Authentication of clients at the token, introspection and revocation endpoints."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from auth_service.clients.client_authentication import (
    BASIC_CHALLENGE,
    UnverifiedCredential,
    check_method,
    check_secret,
    read_credential,
)
from auth_service.protocol.errors import InvalidClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from auth_service.clients.assertions import AssertionVerifier
    from auth_service.clients.client import Client, ClientLookup
    from auth_service.protocol.parameters import Parameters


class ClientAuthenticator:
    """Reads the one credential of a request, finds the client, verifies what it presented."""

    def __init__(
        self,
        directory: ClientLookup,
        *,
        assertions: AssertionVerifier,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._directory = directory
        self._assertions = assertions
        self._now = now

    async def authenticate(self, *, authorization: str | None, form: Parameters) -> Client:
        """Return the client that proved itself. Raises InvalidClient (401), InvalidRequest, or a Fault of a source.

        Public answers are the same for an unknown client and a wrong credential (invariant 9).
        """
        try:
            return await self._verify(read_credential(authorization=authorization, form=form))
        except InvalidClient as exc:
            if authorization is not None:
                # RFC 6749 section 5.2: answer with the scheme that the client tried.
                exc.headers.update(BASIC_CHALLENGE)
            raise

    async def _verify(self, credential: UnverifiedCredential) -> Client:
        client = await self._directory.find(credential.client_id)
        check_method(client, credential)
        if credential.secret is not None:
            check_secret(client, credential.secret, now=self._now())
        if credential.assertion is not None:
            await self._assertions.verify(client, credential.assertion, now=self._now())
        return client
