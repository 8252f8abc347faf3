"""Tests that need a registered client but no sign-in. The clients are deleted afterwards."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from sallyport_doctor.addresses import Reach, is_absolute
from sallyport_doctor.evidence import strings
from sallyport_doctor.login.authorization_probe import probe_authorization_variants, probe_client_documents
from sallyport_doctor.login.registration_client import RegistrationClient, register_like_clients
from sallyport_doctor.login_evidence import RegistrationEvidence

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sallyport_doctor.evidence import Evidence
    from sallyport_doctor.http_exchange import HttpExchange
    from sallyport_doctor.http_probe import HttpProbe
    from sallyport_doctor.knowledge.clients import ClientTable


async def probe_registration(http: HttpProbe, evidence: Evidence, table: ClientTable) -> RegistrationEvidence:
    """Register like real clients, send variants of the authorization request and an invalid refresh token."""
    metadata = evidence.metadata or {}
    client_documents = await _probe_client_documents(http, evidence, metadata, table)
    endpoint = metadata.get("registration_endpoint")
    if not is_absolute(endpoint):
        return RegistrationEvidence(
            client_documents=client_documents,
            remarks=("There is no registration endpoint, so nothing was registered.",),
        )
    registration_client = RegistrationClient(http, str(endpoint), strings(metadata.get("grant_types_supported")))
    try:
        attempts = await register_like_clients(registration_client)
        # The variants need a client with a loopback redirect URI: the first one, if it was accepted.
        usable = any(name in attempts and attempts[name].accepted for name in ("mixed", "loopback"))
        client_id = str(registration_client.clients[0]["client_id"]) if usable else None
        authorize: Mapping[str, HttpExchange] = {}
        invalid_refresh = None
        if client_id is not None:
            authorize = await _authorize(http, evidence, metadata, client_id)
            invalid_refresh = await _refresh_with_invalid_token(http, metadata, client_id)
        count = len(registration_client.clients)
    finally:
        # Runs on cancellation too.
        remaining = await registration_client.delete_all()
    remarks = (
        f"{remaining} of {count} registered clients could not be deleted; they remain until the server expires them.",
    )
    return RegistrationEvidence(attempts, authorize, invalid_refresh, client_documents, remarks if remaining else ())


async def _probe_client_documents(
    http: HttpProbe, evidence: Evidence, metadata: Mapping[str, Any], table: ClientTable
) -> dict[str, HttpExchange]:
    """Probe public servers that advertise CIMD; a local server may be unable to fetch the documents."""
    endpoint = metadata.get("authorization_endpoint")
    offered = metadata.get("client_id_metadata_document_supported") is True
    if not offered or evidence.reach is not Reach.PUBLIC or not is_absolute(endpoint):
        return {}
    documents = {c.name: c.document for c in table.clients if c.document is not None}
    return await probe_client_documents(
        http, str(endpoint), documents, resource=evidence.token_resource, scope=evidence.requested_scope
    )


async def _authorize(
    http: HttpProbe, evidence: Evidence, metadata: Mapping[str, Any], client_id: str
) -> dict[str, HttpExchange]:
    endpoint = metadata.get("authorization_endpoint")
    if not is_absolute(endpoint):
        return {}
    offered = "offline_access" in strings(metadata.get("scopes_supported"))
    return await probe_authorization_variants(
        http,
        str(endpoint),
        client_id=client_id,
        resource=evidence.token_resource,
        scope=evidence.requested_scope,
        offline_access=offered,
    )


async def _refresh_with_invalid_token(
    http: HttpProbe, metadata: Mapping[str, Any], client_id: str
) -> HttpExchange | None:
    endpoint = metadata.get("token_endpoint")
    if not is_absolute(endpoint):
        return None
    unknown_token = secrets.token_urlsafe(32)
    form = [("grant_type", "refresh_token"), ("refresh_token", unknown_token), ("client_id", client_id)]
    return await http.request("POST", str(endpoint), form=form)
