"""`clients list|show|add|remove`: applications and resource servers that the operator vouches for."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auth_service.audit.events import AuditEvent
from auth_service.clients.client import ClientKind
from auth_service.clients.client_authentication import hash_secret
from auth_service.clients.client_metadata import (
    SUPPORTED_GRANT_TYPES,
    ClientMetadata,
    display_name,
    effective_metadata,
)
from auth_service.clients.repository import ClientRepository, StoredClient, is_storable_id
from auth_service.commands.app import new_app
from auth_service.commands.console import (
    CommandFailed,
    JsonOption,
    YesOption,
    as_time,
    confirm,
    run,
    say,
    show_json,
    show_rows,
)
from auth_service.resources.catalogue import ResourceCatalogue
from shared.scopes import parse_scope

if TYPE_CHECKING:
    from auth_service.commands.console import CommandContext

app = new_app(no_args_is_help=True, help="The applications that may connect.")

ClientId = Annotated[str, typer.Argument(help="The client_id.")]


@app.command("list")
def list_clients(
    *,
    registered: Annotated[bool, typer.Option("--registered", help="Those that registered themselves instead.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many of those at most.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """List the clients that you added, or those that registered themselves, the longest-lived first."""

    async def work(workplace: CommandContext) -> None:
        clients, now = ClientRepository(workplace.store), time.time()
        if registered:
            records = await clients.list_registered(now=now, limit=limit)
        else:
            records = await clients.list_pre_registered(now=now)
        show_rows(
            ("client_id", "client_name", "authentication", "redirect_uris", "expires"),
            [_as_row(record) for record in records],
            as_json=as_json,
            empty="There are none." if registered else "There are none. Add one with: clients add --name NAME …",
        )

    run(work)


@app.command()
def show(client_id: ClientId, *, as_json: JsonOption = False) -> None:
    """Show one client. Its secret is kept as a hash only and cannot be shown."""

    async def work(workplace: CommandContext) -> None:
        row = _as_row(await _require(ClientRepository(workplace.store), client_id))
        if as_json:
            show_json(row)
            return
        for name, value in row.items():
            say(f"{name.replace('_', ' ')}: {'–' if value in (None, []) else value}")

    run(work)


@app.command()
def add(
    *,
    name: Annotated[str, typer.Option(help="The name that people see when they are asked.")],
    redirect_uri: Annotated[
        list[str] | None, typer.Option(help="Where answers may go; may be given several times.")
    ] = None,
    client_id: Annotated[str | None, typer.Option("--id", help="The client_id; made up when not given.")] = None,
    secret: Annotated[bool, typer.Option("--secret", help="Make a secret and print it once.")] = False,
    jwks_uri: Annotated[
        str | None, typer.Option(help="Where its public keys are: it then signs instead of sending a secret.")
    ] = None,
    scope: Annotated[str | None, typer.Option(help="The most that it may be granted, separated by spaces.")] = None,
    introspects: Annotated[
        list[str] | None,
        typer.Option(help="A resource whose tokens it may introspect; for resource servers, which need a secret."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Add a client: public unless --secret or --jwks-uri is given. Status 1 if the id is taken."""

    async def work(workplace: CommandContext) -> None:
        made_secret = secrets.token_urlsafe(32) if secret else None
        record = _new_record(
            workplace,
            client_id=client_id or f"pre-{secrets.token_urlsafe(12)}",
            name=name,
            redirect_uris=redirect_uri or [],
            secret=made_secret,
            jwks_uri=jwks_uri,
            scope=scope,
            introspects=introspects or [],
        )
        if not await ClientRepository(workplace.store).add(record, now=record.created_at):
            raise CommandFailed(f"there is a client {record.client_id} already", hint="clients show tells of it.")
        workplace.audit.record(
            AuditEvent.CLIENT_ADDED,
            client=record.client_id,
            client_name=record.metadata.client_name or "",
            client_kind=record.kind.value,
            by="operator",
        )
        _show_added(record, made_secret, as_json=as_json)

    run(work)


@app.command()
def remove(client_id: ClientId, *, yes: YesOption = False, as_json: JsonOption = False) -> None:
    """End a client, added or registered: its users are asked again, its tokens are no longer renewed."""

    async def work(workplace: CommandContext) -> None:
        clients = ClientRepository(workplace.store)
        record = await _require(clients, client_id)
        confirm(f"End the client {record.metadata.client_name or client_id}?", yes=yes)
        if not await clients.end(client_id, now=int(time.time())):
            raise CommandFailed(f"the client {client_id} ended meanwhile")
        workplace.audit.record(
            AuditEvent.CLIENT_REMOVED, client=client_id, client_kind=record.kind.value, by="operator"
        )
        if as_json:
            show_json({"client_id": client_id, "result": "removed"})
        else:
            say(f"{client_id}: removed")

    run(work)


def _new_record(
    workplace: CommandContext,
    *,
    client_id: str,
    name: str,
    redirect_uris: list[str],
    secret: str | None,
    jwks_uri: str | None,
    scope: str | None,
    introspects: list[str],
) -> StoredClient:
    """The record to store. Raises CommandFailed, InvalidRedirectUri or InvalidClientMetadata."""
    if not is_storable_id(client_id):
        raise CommandFailed("the id may have up to 128 letters, digits and . _ ~ -")
    if secret is not None and jwks_uri is not None:
        raise CommandFailed("a client has either a secret or keys")
    if display_name(name) is None:
        raise CommandFailed("the name has nothing to show")
    if introspects and secret is None and jwks_uri is None:
        raise CommandFailed("a client that introspects must authenticate", hint="Pass --secret or --jwks-uri.")
    method = "private_key_jwt" if jwks_uri else "client_secret_basic" if secret else "none"
    asked = {"client_name": name, "token_endpoint_auth_method": method, "jwks_uri": jwks_uri}
    now = int(time.time())
    return StoredClient(
        client_id=client_id,
        kind=ClientKind.PRE_REGISTERED,
        metadata=_metadata(asked, redirect_uris, introspects, workplace.settings.redirect_schemes),
        created_at=now,
        expires_at=None,
        secret_hash=hash_secret(secret) if secret else None,
        introspects=frozenset(_identifier(workplace, resource) for resource in introspects),
        scope_fence=_fence(scope),
    )


def _metadata(
    asked: dict[str, Any], redirect_uris: list[str], introspects: list[str], redirect_schemes: frozenset[str]
) -> ClientMetadata:
    if redirect_uris:
        granted = effective_metadata(asked | {"redirect_uris": redirect_uris}, redirect_schemes=redirect_schemes)
        left_out = sorted(set(redirect_uris) - set(granted.redirect_uris))
        if left_out:
            raise CommandFailed(f"not an acceptable redirect URI: {' '.join(left_out)}")
        return granted
    if not introspects:
        raise CommandFailed("an application needs a --redirect-uri, a resource server an --introspects")
    return ClientMetadata((), (), asked["token_endpoint_auth_method"], asked["client_name"], jwks_uri=asked["jwks_uri"])


def _identifier(workplace: CommandContext, resource: str) -> str:
    found = ResourceCatalogue(workplace.settings.resources).find(resource)
    if found is None:
        raise CommandFailed(f"{resource} is not one of AUTH_RESOURCES")
    return found.identifier


def _fence(scope: str | None) -> str | None:
    if scope is None:
        return None
    try:
        return " ".join(parse_scope(scope))
    except ValueError as exc:
        raise CommandFailed(str(exc)) from exc


async def _require(clients: ClientRepository, client_id: str) -> StoredClient:
    record = await clients.find(client_id, now=time.time()) if is_storable_id(client_id) else None
    if not isinstance(record, StoredClient):
        raise CommandFailed(f"there is no client {client_id}", hint="clients list shows those that you added.")
    return record


def _as_row(record: StoredClient) -> dict[str, Any]:
    metadata = record.metadata
    may_refresh = SUPPORTED_GRANT_TYPES[1] in metadata.grant_types
    return {
        "client_id": record.client_id,
        "kind": record.kind.value,
        "client_name": metadata.client_name,
        "authentication": metadata.authentication_method,
        "redirect_uris": list(metadata.redirect_uris),
        "refreshes": may_refresh,
        "scope": record.scope_fence,
        "introspects": sorted(record.introspects),
        "jwks_uri": metadata.jwks_uri,
        "used": record.used,
        "created": as_time(record.created_at),
        "expires": as_time(record.expires_at),
    }


def _show_added(record: StoredClient, secret: str | None, *, as_json: bool) -> None:
    if as_json:
        show_json({**_as_row(record), "result": "added"} | ({"client_secret": secret} if secret else {}))
        return
    say(f"client_id: {record.client_id}")
    if secret:
        say(f"client_secret: {secret}")
        say("The secret is shown this once: only a hash of it is kept.")
