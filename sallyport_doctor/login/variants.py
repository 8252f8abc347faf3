"""One authorization request in the variants that real clients send. Nobody signs in: only the first answer counts."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from sallyport_doctor.addresses import origin_of, split
from sallyport_doctor.login.registering import LOOPBACK
from sallyport_doctor.probes.endpoints import CHALLENGE, STRANGERS_CALLBACK, with_query

if TYPE_CHECKING:
    from sallyport_doctor.asker import Asker
    from sallyport_doctor.exchange import Exchange

OTHER_PORT: Final = "http://127.0.0.1:49152/"
FOREIGN_RESOURCE: Final = "https://doctor.invalid/mcp"


def is_refusal(answer: Exchange) -> bool:
    """Whether an authorization request was refused: an error page, or a redirect to the client with an error."""
    if answer.is_redirect:
        return "error=" in split(answer.location).query
    return answer.failure is not None or answer.status >= 400


def goes_to(answer: Exchange, place: str) -> bool:
    """Whether a redirect leads to the host of the place."""
    return answer.is_redirect and split(answer.location).hostname == split(place).hostname


def is_granted_unasked(answer: Exchange) -> bool:
    """Whether a redirect brings the client a code, although nobody has signed in."""
    to_client = answer.is_redirect and origin_of(answer.location) == origin_of(LOOPBACK)
    return to_client and "code" in parse_qs(split(answer.location).query)


async def ask_variants(
    asker: Asker, endpoint: str, *, client_id: str, resource: str, scope: str, offline_access: bool
) -> dict[str, Exchange]:
    """GET the authorization endpoint once per variant."""
    base = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": LOOPBACK,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "state": secrets.token_urlsafe(16),
        "resource": resource,
    } | ({"scope": scope} if scope else {})

    async def ask(without: tuple[str, ...] = (), twice: str = "", **changes: str) -> Exchange:
        merged = base | changes
        pairs = [(name, value) for name, value in merged.items() if name not in without]
        pairs += [(twice, merged[twice])] if twice else []
        return await asker.ask("GET", with_query(endpoint, pairs))

    seen = {"as it should be": await ask()}
    page = seen["as it should be"]
    if page.is_redirect and not is_refusal(page):
        # Never to the client's own address: another program of this machine may listen there.
        seen["page"] = await asker.go_on(page, never_to=LOOPBACK)
    seen |= {
        "other port": await ask(redirect_uri=OTHER_PORT),
        "other redirect": await ask(redirect_uri=STRANGERS_CALLBACK),
        "without PKCE": await ask(without=("code_challenge", "code_challenge_method")),
        "without resource": await ask(without=("resource",)),
        "resource twice": await ask(twice="resource"),
        "foreign resource": await ask(resource=FOREIGN_RESOURCE),
        "without state": await ask(without=("state",)),
    }
    if scope:
        seen["without scope"] = await ask(without=("scope",))
    if scope and offline_access:
        seen["offline access"] = await ask(scope=f"{scope} offline_access")
    return seen
