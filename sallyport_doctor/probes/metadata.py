"""Protected resource metadata, authorization server metadata and the key set, at every address clients try."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sallyport_doctor.addresses import (
    is_absolute,
    join,
    origin_of,
    path_of,
    resource_metadata_path_form,
    resource_metadata_root_form,
    server_metadata_forms,
)

if TYPE_CHECKING:
    from sallyport_doctor.asker import Asker
    from sallyport_doctor.exchange import Exchange

ONLY_LOOKS: Final = {"Sallyport-Replica": "*look"}
"""Tells this project's key set endpoint that nothing is kept, so that no rotation waits for us; nothing to others."""


async def ask_resource_metadata(asker: Asker, url: str, *, named: str | None) -> dict[str, Exchange]:
    """GET the metadata at the path-inserted and the root address, and where the challenge says it is."""
    seen = {"path": await asker.get(resource_metadata_path_form(url))}
    if path_of(url):
        seen["root"] = await asker.get(resource_metadata_root_form(url))
    if named:
        known = next((e for e in seen.values() if e.url == named), None)
        target = named if is_absolute(named) else join(url, named)
        seen["named"] = known if known is not None else await asker.get(target)
    return seen


async def ask_server_metadata(asker: Asker, url: str, issuer: str) -> dict[str, Exchange]:
    """GET the metadata of an issuer in all forms, and in the form of older clients when it shares the host."""
    if not is_absolute(issuer):
        return {}
    seen = {form: await asker.get(address) for form, address in server_metadata_forms(issuer).items()}
    if origin_of(issuer) == origin_of(url) and not path_of(issuer) and path_of(url):
        seen["at-resource"] = await asker.get(f"{origin_of(url)}/.well-known/oauth-authorization-server{path_of(url)}")
    return seen


async def ask_key_set(asker: Asker, address: object) -> Exchange | None:
    """GET the key set where the metadata says it is."""
    return await asker.get(str(address), headers=ONLY_LOOKS) if is_absolute(address) else None
