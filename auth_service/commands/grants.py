"""`grants list|revoke`: who allowed what to which application."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auth_service.audit.events import AuditEvent
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
from auth_service.grants.grant import GrantStatus
from auth_service.grants.repository import GrantRepository
from auth_service.users.repository import UserRepository

if TYPE_CHECKING:
    from auth_service.commands.console import CommandContext
    from auth_service.grants.grant import Grant

app = new_app(no_args_is_help=True, help="Who allowed what to which application.")

UserFilter = Annotated[str | None, typer.Option("--user", help="Only of this user: a username or a subject.")]
ClientFilter = Annotated[str | None, typer.Option("--client", help="Only of this client id.")]
ResourceFilter = Annotated[str | None, typer.Option("--resource", help="Only for this resource.")]


@app.command("list")
def list_grants(
    *,
    user: UserFilter = None,
    client: ClientFilter = None,
    resource: ResourceFilter = None,
    as_json: JsonOption = False,
) -> None:
    """List live grants, the most recently used first. Without --user all grants are gone through, a page at a time."""

    async def work(workplace: CommandContext) -> None:
        grants = await _find(workplace, user=user, client=client, resource=resource)
        show_rows(
            ("username", "client_name", "client_id", "resource", "scopes", "created", "last_used", "grant"),
            [_as_row(g) for g in grants],
            as_json=as_json,
            empty="There are no such grants.",
        )

    run(work)


@app.command()
def revoke(
    grant: Annotated[str | None, typer.Argument(help="One grant, by its id; or select with the options.")] = None,
    *,
    user: UserFilter = None,
    client: ClientFilter = None,
    resource: ResourceFilter = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """End grants: their refresh tokens at once, their access tokens when they expire (and at introspection at once)."""
    if grant is None and user is None and client is None and resource is None:
        raise typer.BadParameter("say which: a grant id, --user, --client or --resource")

    async def work(workplace: CommandContext) -> None:
        selected = await _find(workplace, user=user, client=client, resource=resource, grant_id=grant)
        if not selected:
            raise CommandFailed("there are no such grants", hint="grants list shows all.")
        confirm(f"End {len(selected)} grant(s)?", yes=yes)
        ended = await end_grants(workplace, selected)
        if as_json:
            show_json({"ended": [g.grant_id for g in ended]})
        else:
            say(f"{len(ended)} grant(s) ended")

    run(work)


async def end_grants(workplace: CommandContext, grants: list[Grant]) -> list[Grant]:
    """End them one by one, with an audit event each; returns those that this call ended."""
    store, ended = GrantRepository(workplace.store), []
    for grant in grants:
        if await store.end(grant.grant_id, reason="ended_by_operator", now=time.time()):
            ended.append(grant)
            workplace.audit.record(
                AuditEvent.GRANT_REVOKED,
                user=grant.subject,
                client=grant.client_id,
                grant=grant.grant_id,
                resource=grant.resource,
                reason="ended_by_operator",
                by="operator",
            )
    return ended


async def _find(
    workplace: CommandContext,
    *,
    user: str | None,
    client: str | None,
    resource: str | None,
    grant_id: str | None = None,
) -> list[Grant]:
    store, now = GrantRepository(workplace.store), time.time()
    if grant_id is not None:
        found = await store.find(grant_id)
        candidates = [found] if found else []
    elif user is not None:
        known = await UserRepository(workplace.store).find_by_name(user)
        candidates = await store.find_by_subject(known.user.subject if known else user, now=now)
    else:
        # A scan may show a grant twice while the store grows.
        candidates = list({g.grant_id: g async for g in store.scan()}.values())
    return sorted(
        (
            g
            for g in candidates
            if g.status is GrantStatus.LIVE
            and g.expires_at > now
            and (client is None or g.client_id == client)
            and (resource is None or g.resource == resource)
        ),
        key=lambda g: g.last_used_at,
        reverse=True,
    )


def _as_row(grant: Grant) -> dict[str, Any]:
    return {
        "grant": grant.grant_id,
        "username": grant.username,
        "subject": grant.subject,
        "client_id": grant.client_id,
        "client_name": grant.client_name,
        "resource": grant.resource,
        "scopes": list(grant.scopes),
        "created": as_time(int(grant.created_at)),
        "last_used": as_time(int(grant.last_used_at)),
        "expires": as_time(int(grant.expires_at)),
        "address": grant.address,
    }
