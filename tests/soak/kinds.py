"""The requests of each kind of attack, with what the running pair has issued."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import aiohttp

from tests.attack_run.requests import ODD_BODIES
from tests.fuzz.good_requests import CHALLENGE, good_requests
from tests.fuzz.requests import FORM, JSON, Sent
from tests.soak.attack import NUMBER
from tests.soak.honest import OWNERS
from tests.support.local_issuer import LocalTokenIssuer, new_key
from tests.support.plain_client import REDIRECT_URI
from tests.support.token_attacks import ATTACKS

if TYPE_CHECKING:
    from tests.e2e.pair import Pair

Templates = list[tuple[str, str]]
"""Service, and bytes as Latin-1."""


async def requests_of(kind: str, pair: Pair) -> Templates:
    """The requests of one kind; none for connections, which send none."""
    makers = {
        "registrations": _registration,
        "authorizations": _authorization,
        "sign-ins": lambda pair: _sign_in(pair, f"made-up-{NUMBER}"),
        "guesses": lambda pair: _sign_in(pair, OWNERS[0]),
        "forged-tokens": _forged_tokens,
        "odd-bodies": _odd_bodies,
        "jwks-polls": _poll,
        "slow-fetches": _slow_fetch,
    }
    return await makers[kind](pair) if kind in makers else []


async def _registration(_pair: Pair) -> Templates:
    client = {"redirect_uris": [f"https://client-{NUMBER}.example/cb"], "client_name": f"{NUMBER} {'x' * 60}"}
    return [_as_text(Sent("auth", "POST", "/register", content_type=JSON, body=json.dumps(client).encode()))]


async def _authorization(pair: Pair) -> Templates:
    return [_as_text(next(sent for sent in await good_requests(pair) if sent.path == "/authorize"))]


async def _sign_in(pair: Pair, username: str) -> Templates:
    """With the form's own mark and cookie, so that the password is verified."""
    form = next(s for s in await good_requests(pair) if (s.method, s.path) == ("POST", "/sign-in"))
    filled = (*form.parameters[:2], ("username", username), ("password", f"wrong-{NUMBER}"))
    return [_as_text(replace(form, content_type=FORM, parameters=filled))]


async def _forged_tokens(pair: Pair) -> Templates:
    token_issuer = LocalTokenIssuer(issuer=pair.issuer, resource=pair.resource, key=new_key())
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
    headers = [(("Authorization", f"Bearer {attack(token_issuer)}"),) for _, attack in ATTACKS.values()]
    return [_as_text(Sent("mcp", "POST", "/mcp", content_type=JSON, body=body, headers=one)) for one in headers]


async def _odd_bodies(_pair: Pair) -> Templates:
    return [(request.service, request.data.decode("latin-1")) for maker in ODD_BODIES for request in maker()]


async def _poll(pair: Pair) -> Templates:
    async with aiohttp.ClientSession() as http, http.get(f"{pair.issuer}/.well-known/jwks.json") as response:
        headers = (("If-None-Match", response.headers["ETag"]), ("Prefer", "wait=25"))
    return [_as_text(Sent("auth", "GET", "/.well-known/jwks.json", headers=headers))]


async def _slow_fetch(_pair: Pair) -> Templates:
    query = (
        ("response_type", "code"),
        ("redirect_uri", REDIRECT_URI),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("client_id", "SILENT"),
    )
    return [_as_text(Sent("auth", "GET", "/authorize", query))]


def _as_text(sent: Sent) -> tuple[str, str]:
    return sent.service, sent.as_bytes().decode("latin-1")
