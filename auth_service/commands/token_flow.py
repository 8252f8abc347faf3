"""The authorization code flow of `tokens issue`: a public client of this service, PKCE, a loopback redirect.

The command holds settings and database of the service, and uses neither to make a token: it asks the running service
over HTTP, as any client does, and a user decides on the consent page (invariant 7). What the command does with its
rights is to add the client, once.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import aiohttp

from auth_service.audit.events import AuditEvent
from auth_service.clients.client import ClientKind
from auth_service.clients.client_metadata import ClientMetadata
from auth_service.clients.repository import ClientRepository, StoredClient
from auth_service.commands.console import CommandFailed, ExitStatus, printable
from auth_service.commands.token_callback import PATH, CallbackListener
from shared.jose import base64url
from shared.jose.jws import parse_compact_jws
from shared.jose.strict_json import BadJson, parse_json_object
from shared.operator_commands import operator_command

if TYPE_CHECKING:
    from auth_service.commands.console import CommandContext
    from auth_service.settings import AuthSettings

CLIENT_ID: Final = "sallyport-tokens"
_CLIENT_NAME: Final = "Sallyport command line"
_METADATA: Final = ClientMetadata(
    # The port of a loopback redirect URI is free. No refresh token: the token in a script ends by itself.
    redirect_uris=(f"http://127.0.0.1{PATH}",),
    grant_types=("authorization_code",),
    authentication_method="none",
    client_name=_CLIENT_NAME,
)
_HTTP_SECONDS: Final = 30.0

OpenPage = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class TokenWish:
    """The requested resource and scopes. `open_page` opens the authorization request in any browser."""

    resource: str
    scopes: tuple[str, ...]
    open_page: OpenPage
    wait_seconds: float = 300.0
    paste: bool = False
    """Whether the address of the last page may be pasted."""


@dataclass(frozen=True, slots=True)
class ObtainedToken:
    """A token with its resource, scopes and subject. Times in seconds since 1970."""

    access_token: str = field(repr=False)
    expires_at: int
    scopes: tuple[str, ...]
    resource: str
    subject: str


async def request_token(context: CommandContext, wish: TokenWish) -> ObtainedToken:
    """Ask the running service for a token. Raises CommandFailed, RedisUnavailable."""
    settings = context.settings
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=_HTTP_SECONDS)
    ) as http:
        service_url = await _find_service(http, settings)
        await _add_client(context)
        verifier, state = base64url.random_text(48), base64url.random_text(24)
        async with CallbackListener(state=state, issuer=settings.issuer) as callback:
            request = {
                "response_type": "code",
                "client_id": CLIENT_ID,
                "redirect_uri": callback.redirect_uri,
                "code_challenge": base64url.encode(hashlib.sha256(verifier.encode()).digest()),
                "code_challenge_method": "S256",
                "state": state,
                "resource": wish.resource,
                "scope": " ".join(wish.scopes),
            }
            await wish.open_page(f"{settings.issuer}/authorize?{urlencode(request)}")
            answer = await callback.answer(within_seconds=wish.wait_seconds, paste=wish.paste)
        code = _code_of(answer, wish.wait_seconds)
        form = {
            "grant_type": "authorization_code",
            "client_id": CLIENT_ID,
            "code": code,
            "redirect_uri": callback.redirect_uri,
            "code_verifier": verifier,
        }
        status, tokens = await _answer(http, "POST", f"{service_url}/token", data=form)
    if status != 200:
        explain = operator_command("auth_service", "explain", str(tokens.get("request_id", "REQUEST_ID")))
        raise CommandFailed(
            f"no token was issued: {printable(tokens.get('error_description') or tokens.get('error'))}",
            hint=f"`{explain}` tells more.",
        )
    token = str(tokens["access_token"])
    return ObtainedToken(
        access_token=token,
        expires_at=int(time.time()) + int(tokens["expires_in"]),
        scopes=tuple(str(tokens.get("scope", "")).split()),
        resource=wish.resource,
        # Not verified: it comes from the issuer itself, and is shown only.
        subject=str(parse_compact_jws(token).payload()["sub"]),
    )


def _code_of(answer: Mapping[str, str] | None, waited_seconds: float) -> str:
    if answer is None:
        raise CommandFailed(
            f"the consent page was not answered within {waited_seconds:.0f} seconds", hint="--timeout waits longer."
        )
    if answer.get("error") == "access_denied":
        raise CommandFailed("the request was denied on the consent page: there is no token")
    if "code" not in answer:
        raise CommandFailed(
            f"the request was refused: {printable(answer.get('error_description', answer.get('error')))}"
        )
    return answer["code"]


async def _add_client(context: CommandContext) -> None:
    """Add the client, unless it is there. An operator can remove it with `clients remove`."""
    clients, now = ClientRepository(context.redis), int(time.time())
    record = StoredClient(CLIENT_ID, ClientKind.PRE_REGISTERED, _METADATA, created_at=now, expires_at=None)
    if await clients.add(record, now=now):
        context.audit.record(
            AuditEvent.CLIENT_ADDED, client=CLIENT_ID, client_name=_CLIENT_NAME, client_kind=record.kind.value
        )
        return
    found = await clients.find(CLIENT_ID, now=now)
    if not isinstance(found, StoredClient) or found.metadata != _METADATA or found.secret_hash is not None:
        raise CommandFailed(
            f"there is another client with the id {CLIENT_ID}, which this command needs",
            hint=f"`auth_service clients show {CLIENT_ID}` prints it, "
            f"`auth_service clients remove {CLIENT_ID}` frees the id.",
        )


async def _find_service(http: aiohttp.ClientSession, settings: AuthSettings) -> str:
    """The URL of the service: the issuer, or the configured listening address if a container cannot reach the issuer.

    The issuer comes first: its certificate proves it, while any program of this machine could listen in its place.
    """
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host[0], settings.host[0])  # noqa: S104 - compared only
    beside = f"http://{f'[{host}]' if ':' in host else host}:{settings.port}{settings.base_path}"
    for url in dict.fromkeys((settings.issuer, beside)):
        try:
            status, metadata = await _answer(http, "GET", f"{url}/.well-known/oauth-authorization-server")
        except CommandFailed:
            continue
        if status == 200 and metadata.get("issuer") == settings.issuer:
            return url
    raise CommandFailed(
        f"auth_service does not answer at {settings.issuer} or {beside}",
        hint="Start the services: `make run` on this machine, `make up` with docker compose.",
        status=ExitStatus.UNAVAILABLE,
    )


async def _answer(http: aiohttp.ClientSession, method: str, url: str, **options: Any) -> tuple[int, Mapping[str, Any]]:
    """Status and JSON object of an answer. Raises CommandFailed."""
    try:
        async with http.request(method, url, allow_redirects=False, **options) as response:
            status, body = response.status, await response.read()
    except (aiohttp.ClientError, TimeoutError) as exc:
        raise CommandFailed(f"auth_service does not answer at {url}", status=ExitStatus.UNAVAILABLE) from exc
    try:
        return status, parse_json_object(body)
    except BadJson as exc:
        raise CommandFailed(f"{url} answered {status} without JSON") from exc
