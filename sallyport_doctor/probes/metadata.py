"""Protected resource metadata, authorization server metadata and JWKS, at every URL that clients try."""

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
from sallyport_doctor.http_probe import USER_AGENT

if TYPE_CHECKING:
    from sallyport_doctor.http_exchange import HttpExchange
    from sallyport_doctor.http_probe import HttpProbe

OBSERVER: Final = {"Sallyport-Replica": "*observer"}
"""Tells the JWKS endpoint of Sallyport that the doctor does not cache, so that key rotation does not wait for it."""

AGENTS: Final = {
    "Claude-User": f"Claude-User ({USER_AGENT})",
    "python-httpx": f"python-httpx/0.28.1 ({USER_AGENT})",
    "aiohttp": f"Python/3.12 aiohttp/3.13.5 ({USER_AGENT})",
}
"""User-Agents of hosted clients (observed), each with that of the doctor added."""


async def fetch_resource_metadata(http: HttpProbe, url: str, *, named: str | None) -> dict[str, HttpExchange]:
    """GET the metadata at the path-inserted URL, the root URL and the URL of the challenge."""
    exchanges = {"path": await http.get(resource_metadata_path_form(url))}
    if path_of(url):
        exchanges["root"] = await http.get(resource_metadata_root_form(url))
    if named:
        known = next((e for e in exchanges.values() if e.url == named), None)
        target = named if is_absolute(named) else join(url, named)
        exchanges["named"] = known if known is not None else await http.get(target)
    return exchanges


async def fetch_server_metadata(http: HttpProbe, url: str, issuer: str) -> dict[str, HttpExchange]:
    """GET the metadata of an issuer in all forms; on a shared host also at the URL that older clients derive."""
    if not is_absolute(issuer):
        return {}
    exchanges = {form: await http.get(address) for form, address in server_metadata_forms(issuer).items()}
    if origin_of(issuer) == origin_of(url) and not path_of(issuer) and path_of(url):
        exchanges["at-resource"] = await http.get(
            f"{origin_of(url)}/.well-known/oauth-authorization-server{path_of(url)}"
        )
    return exchanges


async def fetch_key_set(http: HttpProbe, address: object) -> HttpExchange | None:
    """GET the JWKS; None when the address is not an absolute URL."""
    return await http.get(str(address), headers=OBSERVER) if is_absolute(address) else None


async def probe_user_agents(http: HttpProbe, address: str) -> dict[str, HttpExchange]:
    """GET one public document with each User-Agent."""
    return {name: await http.get(address, headers={"User-Agent": agent}) for name, agent in AGENTS.items()}
