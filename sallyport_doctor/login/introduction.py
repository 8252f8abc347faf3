"""Everything that can be seen once one is a registered client, short of signing in; cleaned up afterwards."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from sallyport_doctor.addresses import Reach, is_absolute
from sallyport_doctor.login.registering import Registrar, register_as_clients_do
from sallyport_doctor.login.seen import RegistrationSeen
from sallyport_doctor.login.variants import ask_variants
from sallyport_doctor.login.vendors import ask_as_vendors
from sallyport_doctor.observation import strings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sallyport_doctor.asker import Asker
    from sallyport_doctor.exchange import Exchange
    from sallyport_doctor.knowledge.clients import ClientTable
    from sallyport_doctor.observation import Observation


async def introduce(asker: Asker, seen: Observation, table: ClientTable) -> RegistrationSeen:
    """Register as real clients do, ask for authorization in their variants, refresh with a dead token, clean up."""
    metadata = seen.metadata or {}
    vendors = await _as_vendors(asker, seen, metadata, table)
    endpoint = metadata.get("registration_endpoint")
    if not is_absolute(endpoint):
        return RegistrationSeen(
            vendors=vendors, remarks=("There is no registration endpoint, so nothing was registered.",)
        )
    registrar = Registrar(asker, str(endpoint), strings(metadata.get("grant_types_supported")))
    try:
        attempts = await register_as_clients_do(registrar)
        # The variants need a client with a loopback redirect: it is the first that was accepted, if it was.
        usable = any(name in attempts and attempts[name].accepted for name in ("mixed", "loopback"))
        client_id = str(registrar.clients[0]["client_id"]) if usable else None
        authorize: Mapping[str, Exchange] = {}
        dead_refresh = None
        if client_id is not None:
            authorize = await _authorize(asker, seen, metadata, client_id)
            dead_refresh = await _refresh_with_nothing(asker, metadata, client_id)
        made = len(registrar.clients)
    finally:
        # Also when the person stops us.
        left = await registrar.delete_all()
    remarks = (f"{left} of {made} registered clients could not be deleted: they expire by themselves or stay.",)
    return RegistrationSeen(attempts, authorize, dead_refresh, vendors, remarks if left else ())


async def _as_vendors(
    asker: Asker, seen: Observation, metadata: Mapping[str, Any], table: ClientTable
) -> dict[str, Exchange]:
    """Only where documents are offered, and of published servers: one on this machine may have no way out."""
    endpoint = metadata.get("authorization_endpoint")
    offered = metadata.get("client_id_metadata_document_supported") is True
    if not offered or seen.reach is not Reach.PUBLIC or not is_absolute(endpoint):
        return {}
    documents = {c.name: c.document for c in table.clients if c.document is not None}
    return await ask_as_vendors(asker, str(endpoint), documents, resource=seen.token_resource, scope=seen.scope_to_ask)


async def _authorize(
    asker: Asker, seen: Observation, metadata: Mapping[str, Any], client_id: str
) -> dict[str, Exchange]:
    endpoint = metadata.get("authorization_endpoint")
    if not is_absolute(endpoint):
        return {}
    offered = "offline_access" in strings(metadata.get("scopes_supported"))
    return await ask_variants(
        asker,
        str(endpoint),
        client_id=client_id,
        resource=seen.token_resource,
        scope=seen.scope_to_ask,
        offline_access=offered,
    )


async def _refresh_with_nothing(asker: Asker, metadata: Mapping[str, Any], client_id: str) -> Exchange | None:
    endpoint = metadata.get("token_endpoint")
    if not is_absolute(endpoint):
        return None
    made_up = secrets.token_urlsafe(32)
    form = [("grant_type", "refresh_token"), ("refresh_token", made_up), ("client_id", client_id)]
    return await asker.ask("POST", str(endpoint), form=form)
